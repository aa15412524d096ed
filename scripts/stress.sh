#!/usr/bin/env bash
# Kills training runs again and again at random moments, many of them while a checkpoint is written. Each must go on to
# the bits of a run that was never killed, and none may be without a whole checkpoint once it had one. The tests do the
# same with 10 kills.
#
#   scripts/stress.sh [--kills N] [--seed S] [--build DIR]
set -euo pipefail
cd "$(dirname "$0")/.."

kills=100 seed=1 build=build
while [ $# -gt 0 ]; do
  case "$1" in
    --kills) kills=$2 ;;
    --seed) seed=$2 ;;
    --build) build=$2 ;;
    *) echo "unknown word '$1'; usage: scripts/stress.sh [--kills N] [--seed S] [--build DIR]" >&2; exit 2 ;;
  esac
  shift 2
done

tests="$build/command_tests"
[ -x "$tests" ] || { echo "$tests is not there; build it with scripts/check.sh" >&2; exit 2; }
echo "seed $seed"
time DDPM_KILLS="$kills" DDPM_KILL_SEED="$seed" "$tests" --gtest_brief=1 --gtest_filter='KilledRun.*'
