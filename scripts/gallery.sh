#!/usr/bin/env bash
# Makes the pictures and figures of docs/gallery.md, in about 20 minutes on two cores: trains a conditional and an
# unconditional net, a classifier that guides and one that judges, and draws with them.
#
#   scripts/gallery.sh [FOLDER]       (default runs/gallery; what is there already is not made again)
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-runs/gallery}
ddpm=${DDPM:-build/ddpm}
mkdir -p "$out"

# make FILE COMMAND...: runs the command unless FILE is there.
make() {
  local file=$1
  shift
  [ -e "$file" ] || "$@" >&2
}

# train RUN CONFIG MINUTES [SETTINGS...]
train() {
  local run=$1 config=$2 minutes=$3
  shift 3
  make "$out/$run/checkpoints/last" "$ddpm" train --config "$config" --run "$out/$run" --max-time "${minutes}m" --resume "$@"
}

draw() {
  local file=$out/$1
  shift
  make "$file" "$ddpm" sample --checkpoint "$out/conditional" --out "$file" "$@"
}

mask() { # the left half white, which is kept
  python3 - "$1" <<'PYTHON'
import struct, sys, zlib
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
rows = b"".join(b"\0" + b"\xff" * 14 + b"\0" * 14 for _ in range(28))
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)) +
                              chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
PYTHON
}

train conditional fashion-mnist 4

for sampler in ddim dpmpp-2m unipc heun; do
  for steps in 5 10 20 50; do
    draw "$sampler-$steps.png" --sampler "$sampler" --steps "$steps" --guidance 1 -n 10
  done
done
for guidance in 0 1 2 3 4 5 6; do
  draw "guidance-$guidance.png" --guidance "$guidance" --steps 25 -n 10
done
draw strip.png --strip 10 --steps 50 -n 4 --class sneaker,bag,dress,sandal
draw interpolation.png --interpolate 3,17 --frames 10 --class bag,ankle-boot,pullover
draw source/ -n 4 --class pullover,sneaker,bag,dress --guidance 2 --seed 40
[ -e "$out/mask.png" ] || mask "$out/mask.png"
for i in 0 1 2 3; do
  class=(pullover sneaker bag dress)
  draw "inpaint-$i.png" --inpaint "$out/source/00000$i.png" --mask "$out/mask.png" --class "${class[$i]}" -n 10
done
draw variations.png --init "$out/source/000001.png" --strength 0.6 --class sneaker -n 10
make "$out/schedules.svg" "$ddpm" schedule linear cosine sigmoid --out "$out/schedules.svg"
make "$out/noised.png" "$ddpm" schedule linear cosine --image "$out/source/000001.png" --timesteps 0,100,250,500,750,999 \
  --out "$out/noised.png"

# What guidance by a classifier does, told by another classifier.
train unconditional fashion-mnist 3 --model.class_conditional false --train.label_dropout 0 --sample.guidance 1
train guide fashion-mnist-classifier 3
train judge fashion-mnist-features 3
for scale in 0 1 2 4 8; do
  images=$out/classifier-$scale.npz
  make "$images" "$ddpm" sample --checkpoint "$out/unconditional" --classifier "$out/guide" \
    --classifier-scale "$scale" --steps 25 -n 500 --batch-size 100 --out "$images"
  make "$out/classifier-$scale.json" "$ddpm" eval --images "$images" --checkpoint "$out/unconditional" --class-agreement \
    --features "classifier:$out/judge" --out "$out/classifier-$scale.json"
  make "$out/classifier-$scale.png" "$ddpm" sample --checkpoint "$out/unconditional" --classifier "$out/guide" \
    --classifier-scale "$scale" --steps 25 -n 10 --out "$out/classifier-$scale.png"
done
grep -A1 '"class_agreement"' "$out"/classifier-*.json
