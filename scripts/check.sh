#!/usr/bin/env bash
# Sets up, builds with warnings as errors, and runs every test. CI runs just this. The CUDA module is compiled and
# linked too; loading it needs the full CUDA set (scripts/setup.sh --cuda), and its test skips itself without.
#
#   scripts/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh --no-build
cmake -S . -B build -G Ninja -DDDPM_WERROR=ON -DDDPM_TESTS=ON -DDDPM_CUDA=ON >/dev/null
ninja -C build
scripts/check_install.sh
ctest --test-dir build --output-on-failure --no-tests=error
