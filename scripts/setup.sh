#!/usr/bin/env bash
# Installs what ddpm needs (Debian packages, LibTorch into .deps/) and builds build/ddpm. Quick when run again.
#
#   scripts/setup.sh [--cuda] [--no-build] [CMAKE OPTION...]
#     --cuda       LibTorch's full CUDA set (5 GB), and the module for CUDA devices
#     --no-build   install only
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

torch_version=2.13.0
header_package=nvidia-cuda-crt==13.0.88  # what the headers of the CUDA runtime include
cpu_packages=("torch==$torch_version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 "$header_package")
debian_packages=(g++ cmake ninja-build python3 python3-pip ca-certificates
  libcli11-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev libstb-dev libhwy-dev zlib1g-dev libgtest-dev
  libjpeg-dev libtiff-dev libwebp-dev dataset-fashion-mnist)

cuda=no build=yes
cmake_options=()
for word in "$@"; do
  case $word in
    --cuda) cuda=yes; cmake_options+=(-DDDPM_CUDA=ON) ;;
    --no-build) build=no ;;
    -D*) cmake_options+=("$word") ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

# Into a folder beside first, so that an interrupted download never looks complete.
install_libtorch() {
  local kind=cpu
  [ "$cuda" = no ] || kind=cuda
  local stamp="$torch_version+$header_package"
  if grep -qsx "$stamp-cuda" .deps/python/ddpm-stamp || grep -qsx "$stamp-$kind" .deps/python/ddpm-stamp; then return 0; fi
  say "installing LibTorch $torch_version ($kind) into .deps/"
  rm -rf .deps/python.part
  if [ "$kind" = cpu ]; then
    python3 -m pip install -q --no-deps --target .deps/python.part "${cpu_packages[@]}"
  else
    python3 -m pip install -q --target .deps/python.part "torch==$torch_version" "$header_package"
  fi
  echo "$stamp-$kind" > .deps/python.part/ddpm-stamp
  rm -rf .deps/python
  mv .deps/python.part .deps/python
}

export PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
install_debian_packages "${debian_packages[@]}"
install_libtorch
[ "$build" = yes ] || exit 0
if [ ! -f build/build.ninja ]; then
  cmake -S . -B build -G Ninja -DDDPM_UNITY=ON "${cmake_options[@]}" >/dev/null
elif [ ${#cmake_options[@]} -gt 0 ]; then
  cmake -S . -B build "${cmake_options[@]}" >/dev/null
fi
say "building build/ddpm"
ninja -C build ddpm $([ "$cuda" = no ] || echo ddpm_cuda) >&2
