#!/usr/bin/env bash
# Installs the built program into an empty folder and runs it from there: binary, configs and licence are in place.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install build --prefix "$prefix" >/dev/null
cd "$prefix"
bin/ddpm --version
bin/ddpm train --config cifar --print-config >/dev/null
test -s share/doc/ddpm/LICENSE
test -s share/doc/ddpm/docs/samplers.md
