#!/usr/bin/env bash
# What ddpm eval says of Fashion-MNIST: distances of real images and of noise, how the distance falls in five minutes of
# training, bits per dimension, and a sweep over samplers and steps.
#
#   scripts/evaluation.sh [FOLDER]       (default runs/evaluation; what is there already is not made again)
set -euo pipefail
cd "$(dirname "$0")/.."

out=${1:-runs/evaluation}
ddpm=${DDPM:-build/ddpm}
mkdir -p "$out"

# make FILE COMMAND...: runs the command unless FILE is there.
make() {
  local file=$1
  shift
  [ -e "$file" ] || "$@"
}

halves() { # the training images of even and of odd number
  python3 - "$out/even.npz" "$out/odd.npz" <<'PYTHON'
import gzip, io, struct, sys, zipfile
data = gzip.open("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz").read()[16:]
images = [data[i:i + 784] for i in range(0, len(data), 784)]
for first, path in enumerate(sys.argv[1:]):
    half = images[first::2]
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({len(half)}, 28, 28, 1), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + b"".join(half))
PYTHON
}

[ -e "$out/odd.npz" ] || halves
make "$out/halves.json" "$ddpm" eval --fid --images "$out/even.npz" --reference "$out/odd.npz" \
  --data.name fashion-mnist --no-bounds --out "$out/halves.json"
make "$out/test.json" "$ddpm" eval --fid --images test --data.name fashion-mnist --out "$out/test.json"

make "$out/model/finished" "$ddpm" train --config fashion-mnist --run "$out/model" --max-time 5m --resume \
  --train.save_minutes 1 --train.keep_last 0
touch "$out/model/finished"
checkpoints=$(printf '%s,' "$out"/model/checkpoints/step-*)
"$ddpm" eval --fid -n 500 --no-bounds --sweep "checkpoint=${checkpoints%,}" --out "$out/training.json"
make "$out/fid.json" "$ddpm" eval --fid -n 5000 --checkpoint "$out/model" --out "$out/fid.json"
make "$out/bits.json" "$ddpm" eval --bpd --checkpoint "$out/model" --out "$out/bits.json"
"$ddpm" eval --fid -n 500 --no-bounds --checkpoint "$out/model" --out "$out/samplers.json" \
  --sweep sampler=ddim,dpmpp-2m,unipc,heun --sweep steps=5,10,25
make "$out/bits-ode.json" "$ddpm" eval --bpd --bpd-method ode --bpd-images 100 --checkpoint "$out/model" \
  --out "$out/bits-ode.json"
