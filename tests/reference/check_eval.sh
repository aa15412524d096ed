#!/usr/bin/env bash
# Scores the same images with `ddpm eval`, torch-fidelity and pytorch-fid, and compares the numbers: runs check_eval.py.
# Exit code 1 if a number differs. About five minutes on two cores.
#
#   tests/reference/check_eval.sh [IMAGES]      images a side, default 60
#
# Makes a Python environment in .deps/check-eval on the first run (2.8 GB), which takes torch from the LibTorch that
# scripts/setup.sh put into .deps/python. PYTHON=... uses another environment, DDPM=... another program than build/ddpm.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=.deps/check-eval
torch=$PWD/.deps/python

# torch is in .deps/python, without most of CUDA's libraries, which the program does without but Python's `import torch`
# does not: those that it is linked to are installed here.
make_environment() {
  echo "== making a Python environment with torch-fidelity and pytorch-fid in $environment" >&2
  python3 -c 'import ensurepip' 2>/dev/null || apt-get install -y -qq python3-venv >&2
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install -q numpy==2.4.6 scipy==1.17.1 safetensors==0.8.0 pillow tqdm filelock typing-extensions \
    sympy networkx jinja2 fsspec 'setuptools>=77.0.3' \
    'cuda-toolkit[cublas,cufft,cufile,curand,cusparse,nvjitlink,nvrtc]==13.0.3' nvidia-cudnn-cu13==9.20.0.48 \
    nvidia-cusparselt-cu13==0.8.1 nvidia-nccl-cu13==2.29.7 nvidia-nvshmem-cu13==3.4.5
  echo "$torch" > "$(packages)/torch-of-ddpm.pth"
  "$environment/bin/pip" install -q --no-deps torchvision==0.28.0 torch-fidelity==0.4.0 pytorch-fid==0.3.0 \
    pytorch-msssim==1.0.0
  touch "$environment/ready"
}

packages() { "$environment/bin/python" -c 'import site; print(site.getsitepackages()[0])'; }

ddpm=${DDPM:-build/ddpm}
[ -x "$ddpm" ] || scripts/setup.sh
if [ -z "${PYTHON:-}" ]; then
  [ -f "$torch/torch/__init__.py" ] || scripts/setup.sh --no-build
  [ -f "$environment/ready" ] || make_environment
  libraries=("$(packages)"/nvidia/*/lib)
  LD_LIBRARY_PATH=$(IFS=:; echo "${libraries[*]}")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
  PYTHON=$environment/bin/python
fi
exec "$PYTHON" tests/reference/check_eval.py "$ddpm" "$@"
