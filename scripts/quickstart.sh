#!/usr/bin/env bash
# From a bare Debian machine to a picture: sets up, builds, trains on Fashion-MNIST for a few minutes, draws samples
# of every class and says where the picture is. Run again, it goes on from where it stopped.
#
#   QUICKSTART_MINUTES=5 scripts/quickstart.sh
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${QUICKSTART_MINUTES:-5}
run=runs/quickstart-${minutes}m
scripts/setup.sh
build/ddpm train --config fashion-mnist --run "$run" --max-time "${minutes}m" --resume >/dev/null
picture=$(build/ddpm sample --checkpoint "$run" -n 80)
printf '\nThe picture, one column a class: %s\n' "$PWD/$picture"
printf 'Draw more:  cd %s && build/ddpm sample --checkpoint %s --class sneaker,bag -n 16 --out more.png\n' "$PWD" "$run"
