#!/usr/bin/env bash
# Compares build/ddpm with diffusers (and OpenVINO) on this machine, in turns, and prints a table of
# ratios for docs/performance.md on stdout. Run it on a quiet machine; the full comparison takes most
# of an hour, half of it torch.compile.
#
#   benchmarks/compare_python.sh [--rounds N] [--nets small ddpm-cifar10 ddpm-cifar10-heads] [--work train sample]
#                                [--no-compile] [--kinds float32 bf16 ...] [--sampling-steps N]
#
# Makes a Python environment in .deps/compare on the first run (2 GB). PYTHON=... uses another one.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=.deps/compare
if [ -z "${PYTHON:-}" ]; then
  if [ ! -f "$environment/ready" ]; then
    echo "== making a Python environment with diffusers and OpenVINO in $environment" >&2
    python3 -c 'import ensurepip' 2>/dev/null || apt-get install -y -qq python3-venv >&2
    rm -rf "$environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install -q torch==2.13.0 diffusers==0.42.1 openvino
    touch "$environment/ready"
  fi
  PYTHON=$environment/bin/python
fi
if [ "${1:-}" = --environment ]; then  # for other scripts: where the environment's Python is
  echo "$PYTHON"
  exit 0
fi
[ -x build/ddpm ] || scripts/setup.sh
exec "$PYTHON" benchmarks/compare.py --ddpm build/ddpm --python "$PYTHON" "$@"
