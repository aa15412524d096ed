#!/usr/bin/env bash
# Trains variations of a config for the same minutes each, scores images of each by `ddpm eval --fid`, and prints a
# Markdown table, lowest distance first. Run it on a quiet machine.
#
#   benchmarks/tune_recipe.sh --features CLASSIFIER [--config fashion-mnist] [--minutes 5] [--images 1000]
#                             [--out runs/tune] [LIST]
#
# LIST (or stdin) has a variation a line: a name, and settings as `ddpm train` takes them:
#
#   base
#   lr-1e-3   --train.lr 1e-3
#   edm       --diffusion.process edm --sample.sampler heun --sample.steps 18
#
# CLASSIFIER is a run of a classifier, or what ddpm eval --features takes. Results are added to OUT/results.jsonl; a
# variation that is there is not made again, so the same command goes on where it was stopped. DDPM=... uses another
# program than build/ddpm.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }

config=fashion-mnist minutes=5 images=1000 features='' out=runs/tune list=/dev/stdin
while [ $# -gt 0 ]; do
  case $1 in
    --config) config=${2:?--config needs a name}; shift ;;
    --minutes) minutes=${2:?--minutes needs a number}; shift ;;
    --images) images=${2:?--images needs a number}; shift ;;
    --features) features=${2:?--features needs a value}; shift ;;
    --out) out=${2:?--out needs a folder}; shift ;;
    -*) usage ;;
    *) list=$1 ;;
  esac
  shift
done
[ -n "$features" ] || usage
case $features in *:*) ;; *) features=classifier:$features ;; esac
ddpm=${DDPM:-build/ddpm}
[ -x "$ddpm" ] || scripts/setup.sh
mkdir -p "$out"
touch "$out/results.jsonl"

train() { # NAME SETTINGS...; a run that diverges is a result, anything else ends this script
  local name=$1 code=0
  shift
  [ ! -e "$out/$name.train.json" ] || return 0
  "$ddpm" train --config "$config" --run "$out/$name" --max-time "${minutes}m" --resume --threads 2 --json "$@" \
    > "$out/$name.train.json.part" || code=$?
  case $code in
    0) mv "$out/$name.train.json.part" "$out/$name.train.json" ;;
    7) return 7 ;;
    *) exit "$code" ;;
  esac
}

score() { # NAME
  [ -e "$out/$1.eval.json" ] || "$ddpm" eval --fid --checkpoint "$out/$1" -n "$images" --features "$features" \
    --no-bounds --threads 2 --json --out "$out/$1.eval.json" >/dev/null
}

while read -r -u 3 name words || [ -n "$name" ]; do
  case $name in ''|'#'*) continue ;; esac
  read -r -a settings <<< "$words"
  asked="$config, $minutes minutes, $images images, $features: ${settings[*]}"
  if [ -e "$out/$name.asked" ] && [ "$(cat "$out/$name.asked")" != "$asked" ]; then
    echo "tune_recipe: $out has $name of $(cat "$out/$name.asked"); give it another name, or another --out" >&2
    exit 2
  fi
  echo "$asked" > "$out/$name.asked"
  ! grep -qF "{\"name\": \"$name\"," "$out/results.jsonl" || continue
  printf '== %s\n' "$name ${settings[*]}" >&2
  if train "$name" "${settings[@]}"; then
    score "$name"
  fi
  python3 benchmarks/recipes_table.py line "$name" "$out" "${settings[@]}" >> "$out/results.jsonl"
done 3< "$list"
exec python3 benchmarks/recipes_table.py tune "$out/results.jsonl"
