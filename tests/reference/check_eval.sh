#!/usr/bin/env bash
# Scores the same images with `ddpm eval`, torch-fidelity and pytorch-fid, and compares the numbers: runs check_eval.py.
# Exit code 1 if a number differs. About five minutes on two cores.
#
#   tests/reference/check_eval.sh [IMAGES]      images a side, default 60
#
# Makes a Python environment in .deps/check-eval on the first run, which takes torch from the LibTorch that
# scripts/setup.sh put into .deps/python. PYTHON=... uses another environment, DDPM=... another program than build/ddpm.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=.deps/check-eval
torch=$PWD/.deps/python

# The wheel of torch is linked to CUDA's libraries (4 GB), which setup.sh leaves out and a CPU calls nothing of. To
# import it, each gets a stand-in: one library under all the missing names, with all the missing functions.
make_stand_ins() { # FOLDER
  local needs=(env LD_LIBRARY_PATH="$1" ldd -r "$torch/torch/lib/libtorch_python.so") names
  mkdir -p "$1"
  names=$("${needs[@]}" 2>&1 | awk '/=> not found/ { print $1 }' | sort -u)
  [ -n "$names" ] || return 0
  echo | gcc -shared -x c - -o "$1/stand-in.so"
  for name in $names; do ln -sf stand-in.so "$1/$name"; done
  "${needs[@]}" 2>&1 | sed -n 's/^undefined symbol: \([A-Za-z0-9_]*\).*/\1/p' | grep -v '^_\{0,1\}Py' | sort -u |
    sed 's/.*/int &(void) { return 1; }/' | gcc -shared -fPIC -w -x c - -o "$1/stand-in.so.part"
  mv "$1/stand-in.so.part" "$1/stand-in.so"
}

make_environment() {
  echo "== making a Python environment with torch-fidelity and pytorch-fid in $environment" >&2
  python3 -c 'import ensurepip' 2>/dev/null || apt-get install -y -qq python3-venv >&2
  rm -rf "$environment"
  python3 -m venv "$environment"
  # Without what they ask for: torch is there already.
  "$environment/bin/pip" install -q --no-deps torchvision==0.29.2 torch-fidelity==0.4.0 pytorch-fid==0.3.0 \
    pytorch-msssim==1.0.0
  "$environment/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 safetensors==0.8.0 pillow tqdm filelock typing-extensions \
    sympy networkx jinja2 fsspec setuptools
  echo "$torch" > "$("$environment/bin/python" -c 'import site; print(site.getsitepackages()[0])')/torch-of-ddpm.pth"
  make_stand_ins "$environment/stand-ins"
  touch "$environment/ready"
}

ddpm=${DDPM:-build/ddpm}
[ -x "$ddpm" ] || scripts/setup.sh
if [ -z "${PYTHON:-}" ]; then
  [ -f "$torch/torch/__init__.py" ] || scripts/setup.sh --no-build
  [ -f "$environment/ready" ] || make_environment
  export LD_LIBRARY_PATH=$PWD/$environment/stand-ins${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  PYTHON=$environment/bin/python
fi
exec "$PYTHON" tests/reference/check_eval.py "$ddpm" "$@"
