#!/usr/bin/env bash
# Installs what is built into an empty folder and uses it from there: program, configs and licence are in place, and a
# program that links the installed library (tests/consumer) trains, draws, measures and stops.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

prefix=$(mktemp -d)
work=$(mktemp -d)
trap 'rm -rf "$prefix" "$work"' EXIT
cmake --install build --prefix "$prefix" >/dev/null
(
  cd "$prefix"
  bin/ddpm --version
  bin/ddpm train --config cifar --print-config >/dev/null
  test -s share/doc/ddpm/LICENSE
  test -s share/doc/ddpm/docs/samplers.md
)
cmake -S tests/consumer -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
ninja -C "$work/build" >"$work/log" || { cat "$work/log" >&2; exit 1; }
cd "$work"
said=$(build/consumer 2>&1) || true
[[ $said == good:* && $(wc -l <<<"$said") -eq 1 ]] || { echo "check_install: the consumer said: $said" >&2; exit 1; }
echo "tests/consumer, on the library installed from ${root##*/}: $said"
