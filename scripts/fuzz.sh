#!/usr/bin/env bash
# Fuzzes the parsers under the address and undefined-behaviour sanitizers and prints a line for each. Needs no LibTorch.
#
#   scripts/fuzz.sh [--runs N] [--jobs N] [TARGET...]
#     --runs N   inputs for each target (1000000; of images 300000)
#     --jobs N   targets at once (as many as there are CPUs)
#     TARGET     a file of tests/fuzz without .cpp; all of them if none is given
#
# A target fails at a crash, an input that takes more than a second, or more than 512 MB. What it failed at is then in
# runs/fuzz/TARGET/, beside its log and corpus, from which the next call goes on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

debian_packages=(clang libclang-rt-14-dev cmake ninja-build python3
  libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev libstb-dev zlib1g-dev
  libjpeg-dev libtiff-dev libwebp-dev)
build=build-fuzz
runs='' jobs=$(nproc)
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=${2:?--runs needs a number}; shift 2 ;;
    --jobs) jobs=${2:?--jobs needs a number}; shift 2 ;;
    -*) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) targets+=("$1"); shift ;;
  esac
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || { echo "fuzz: --jobs: expected a number from 1, got $jobs" >&2; exit 2; }
if [ ${#targets[@]} -eq 0 ]; then
  # Backwards: yaml, by far the slowest, must not be left alone at the end.
  for source in $(printf '%s\n' tests/fuzz/*.cpp | sort -r); do targets+=("$(basename "$source" .cpp)"); done
fi

# fuzz TARGET: runs one target and prints its line; false if it failed
fuzz() {
  local target=$1 folder=runs/fuzz/$1 count=${runs:-1000000} longest=16384
  case $target in png | jpeg | webp | gif | tiff | bmp | pnm) count=${runs:-300000} longest=4096 ;; esac
  mkdir -p "$folder/corpus"
  local words=()
  [ ! -s "$build/seeds/$target.dict" ] || words=(-dict="$build/seeds/$target.dict")
  local result=ok start=$SECONDS
  "$build/fuzz_$target" -runs="$count" -max_len="$longest" -timeout=1 -rss_limit_mb=512 -malloc_limit_mb=256 \
    -print_final_stats=1 -artifact_prefix="$folder/" "${words[@]}" "$folder/corpus" "$build/seeds/$target" \
    > "$folder/log.txt" 2>&1 || result="FAILED, see $folder/"
  figure() { sed -n "s/^stat::$1: *//p" "$folder/log.txt"; }
  printf '%-18s %10s %8s %10s %8s  %s\n' "$target" "$(figure number_of_executed_units)" $((SECONDS - start)) \
    "$(figure peak_rss_mb)" "$(find "$folder/corpus" -type f | wc -l)" "$result"
  [ "$result" = ok ]
}

install_debian_packages "${debian_packages[@]}"
[ -f $build/build.ninja ] || cmake -S . -B $build -G Ninja -DDDPM_FUZZ=ON -DCMAKE_CXX_COMPILER=clang++ >/dev/null
ninja -C $build "${targets[@]/#/fuzz_}" >&2
python3 tests/fuzz/make_seeds.py $build/seeds
export ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1
printf '%-18s %10s %8s %10s %8s  %s\n' target runs seconds 'peak MB' corpus result
failed=0 running=0
for target in "${targets[@]}"; do
  if [ $running -ge "$jobs" ]; then wait -n || failed=1; else running=$((running + 1)); fi
  fuzz "$target" &
done
while [ $running -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
exit $failed
