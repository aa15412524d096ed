#!/usr/bin/env bash
# What the same minutes of training give: our fashion-mnist config and the recipes of python_recipes.py, trained one
# after another on two threads, their images scored by the same `ddpm eval`; ours as its config samples, and without
# guidance, which the Python recipes do without. Prints a Markdown table on stdout. Run it on a quiet machine. Each
# recipe takes its minutes, and up to 10 more to draw.
#
#   benchmarks/compare_recipes.sh [--minutes "5 30"] [--recipes "ours diffusers v-prediction edm"] [--images 1000]
#                                 [--features CLASSIFIER] [--compile]
#     --features   a run of `ddpm train` of a classifier, or what ddpm eval --features takes; without it a classifier
#                  is trained first (3 minutes)
#     --compile    let the Python recipes try torch.compile too
#
# What is in runs/recipes is not made again. Makes a Python environment as compare_python.sh does; PYTHON=... uses
# another one, DDPM=... another program.
set -euo pipefail
cd "$(dirname "$0")/.."

minutes="5 30" recipes="ours diffusers v-prediction edm" images=1000 features='' compile=()
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=${2:?--minutes needs numbers}; shift ;;
    --recipes) recipes=${2:?--recipes needs names}; shift ;;
    --images) images=${2:?--images needs a number}; shift ;;
    --features) features=${2:?--features needs a value}; shift ;;
    --compile) compile=(--compile) ;;
    *) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
  shift
done
for recipe in $recipes; do
  case $recipe in
    ours|diffusers|v-prediction|edm) ;;
    *) echo "compare_recipes: no recipe $recipe; there are ours, diffusers, v-prediction and edm" >&2; exit 2 ;;
  esac
done
export OMP_NUM_THREADS=2
out=runs/recipes
ddpm=${DDPM:-build/ddpm}
[ -x "$ddpm" ] || scripts/setup.sh
mkdir -p "$out"

say() { printf '== %s\n' "$*" >&2; }

# save FILE COMMAND...: what the command says on stdout, as FILE, unless it is there already.
save() {
  local file=$1
  shift
  [ ! -e "$file" ] || return 0
  "$@" > "$file.part"
  mv "$file.part" "$file"
}

python() {
  [ -n "${PYTHON:-}" ] || PYTHON=$(benchmarks/compare_python.sh --environment)
  "$PYTHON" benchmarks/python_recipes.py "$@" --images "$images" --out "$out" --threads 2 >&2
}

draw() { # RUN FILE OPTIONS...
  local run=$1 file=$2
  shift 2
  [ -e "$file" ] || "$ddpm" sample --checkpoint "$run" -n "$images" --threads 2 --out "$file" "$@" >&2
}

ours() { # MINUTES; --resume goes on with a run that was interrupted
  local run=$out/ours-${1}m
  say "ours, $1 minutes"
  save "$run.train.json" "$ddpm" train --config fashion-mnist --run "$run" --max-time "${1}m" --resume --threads 2 --json
  save "$run.plan.json" "$ddpm" train --config fashion-mnist --dry-run --json
  draw "$run" "$run.npz"
  draw "$run" "$run-plain.npz" --guidance 1
}

theirs() { # RECIPE
  local missing=()
  for m in $minutes; do [ -e "$out/$1-${m}m.json" ] || missing+=("$m"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "$1, ${missing[*]} minutes"
  python "$1" --minutes "$(IFS=,; echo "${missing[*]}")" "${compile[@]}"
}

if [ -z "$features" ]; then
  features=$out/features
  say "a classifier, for its features"
  save "$out/features.train.json" "$ddpm" train --config fashion-mnist-features --run "$features" --max-time 3m --resume \
    --threads 2 --json
fi
case $features in *:*) ;; *) features=classifier:$features ;; esac

for recipe in $recipes; do
  if [ "$recipe" = ours ]; then
    for m in $minutes; do ours "$m"; done
  else
    theirs "$recipe"
  fi
done
case " $recipes " in *" diffusers "*) [ -e "$out/resized.json" ] || python resized ;; esac

for file in "$out"/*.npz; do
  result=${file%.npz}.eval.json
  [ -e "$result" ] || "$ddpm" eval --fid --images "$file" -n "$images" --data.name fashion-mnist --features "$features" \
    --threads 2 --json --out "$result" >/dev/null
done
exec python3 benchmarks/recipes_table.py compare "$out"
