#!/usr/bin/env python3
"""Turns the weights of FID's Inception network into a safetensors file for `ddpm eval --features inception:FILE`.

    scripts/convert_inception.py WEIGHTS.pth OUT.safetensors

WEIGHTS.pth is either of these, which hold the same numbers (94 MB; the TensorFlow graph inception-2015-12-05):

    https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth
    https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth

Needs the Python packages torch and numpy, nothing else. Reads the file without running code from it. torchvision's own
weights (inception_v3_google-*.pth) are of another network and are refused.
"""
import json
import os
import pathlib
import struct
import sys

try:
    import numpy  # noqa: F401, for Tensor.numpy()
    import torch
except ImportError as missing:
    sys.exit(f"convert_inception: {missing}; it needs Python with torch and numpy, "
             "such as benchmarks/compare_python.sh --environment makes")

LAYERS = 94  # convolutions with batch norm
PARTS = ("conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")


def check(weights) -> str:
    """What is wrong with the weights; empty if nothing is."""
    if not isinstance(weights, dict) or not all(isinstance(v, torch.Tensor) for v in weights.values()):
        return "holds no plain table of tensors"
    shapes = {"fc.weight": (1008, 2048), "fc.bias": (1008,), "Mixed_7c.branch_pool.conv.weight": (192, 2048, 1, 1)}
    for name, shape in shapes.items():
        got = tuple(weights[name].shape) if name in weights else "nothing"
        if got != shape:
            return f"{name}: expected {list(shape)}, got {got if isinstance(got, str) else list(got)}"
    layers = {name.rsplit(".conv.", 1)[0] for name in weights if ".conv." in name}
    missing = [f"{layer}.{part}" for layer in sorted(layers) for part in PARTS if f"{layer}.{part}" not in weights]
    if missing or len(layers) != LAYERS:
        return f"expected {LAYERS} convolutions with batch norm, got {len(layers)}" + \
            (f"; {missing[0]} is missing" if missing else "")
    return ""


def write_safetensors(path: pathlib.Path, weights: dict) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in weights.items():
        end = offset + tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in weights.values():
            file.write(tensor.numpy().tobytes())
    os.replace(partial, path)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    try:
        weights = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if isinstance(error, OSError) else "not a file of tensors by torch.save"
        print(f"convert_inception: {source}: cannot be read: {reason}", file=sys.stderr)
        return 3
    wrong = check(weights)
    if wrong:
        print(f"convert_inception: {source}: not the weights of FID's Inception: {wrong}", file=sys.stderr)
        return 3
    kept = {name: weights[name].detach().float().contiguous() for name in sorted(weights)
            if not name.endswith("num_batches_tracked")}
    try:
        write_safetensors(target, kept)
    except OSError as error:
        print(f"convert_inception: {target}: cannot write: {error.strerror}", file=sys.stderr)
        return 5
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
