#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: sets up and builds with CUDA, runs every test there, compares the GPU's numbers with
# the CPU's, resumed runs with whole ones, CUDA graphs with eager work, and speed with diffusers. Writes
# runs/gpu-report.md; exit code 1 if a check fails.
#
#   scripts/gpu_check.sh [--repeats N] [--quick] [--skip-setup] [--device cuda|cpu]
#     --repeats N    timings of each (default 5, with --quick 1)
#     --quick        few steps: whether all works, not how fast
#     --skip-setup   take build/ as it is
#     --device cpu   dry run of the same commands with the CPU in the GPU's place, to check this script itself
#
# Makes a Python environment in .deps/compare for diffusers, as benchmarks/compare_python.sh does. PYTHON=... uses
# another one.
set -euo pipefail
cd "$(dirname "$0")/.."

device=cuda setup=yes words=()
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=${2:?--device needs a value}; shift ;;
    --skip-setup) setup=no ;;
    --quick) words+=(--quick) ;;
    --repeats) words+=(--repeats "${2:?--repeats needs a number}"); shift ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done

if [ "$device" != cpu ] && ! { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; }; then
  echo "gpu_check: this machine has no NVIDIA GPU that nvidia-smi can see; --device cpu makes a dry run" >&2
  exit 6
fi
if [ "$setup" = yes ]; then
  cuda=(--cuda)
  [ "$device" != cpu ] || cuda=()
  scripts/setup.sh --no-build "${cuda[@]}"
  cmake -S . -B build -G Ninja -DDDPM_CUDA=ON >/dev/null
  ninja -C build
fi
if [ -z "${PYTHON:-}" ]; then
  PYTHON=$(benchmarks/compare_python.sh --environment)
fi
exec "$PYTHON" scripts/gpu_check.py --device "$device" --build build --report runs/gpu-report.md "${words[@]}"
