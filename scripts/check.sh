#!/usr/bin/env bash
# Sets up, builds with warnings as errors, and runs every test; those that need no LibTorch, the parsers' among them,
# also under the address and undefined-behaviour sanitizers. CI runs just this. The CUDA module is compiled and linked
# too; loading it needs the full CUDA set (scripts/setup.sh --cuda), and its test skips itself without.
#
#   scripts/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh --no-build
cmake -S . -B build -G Ninja -DDDPM_UNITY=ON -DDDPM_WERROR=ON -DDDPM_TESTS=ON -DDDPM_CUDA=ON >/dev/null
ninja -C build
scripts/check_install.sh
cmake -S . -B build-sanitize -G Ninja -DDDPM_UNITY=ON -DDDPM_SANITIZE=ON >/dev/null
ninja -C build-sanitize base_tests
build-sanitize/base_tests --gtest_brief=1
ctest --test-dir build --output-on-failure --no-tests=error
