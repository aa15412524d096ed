#!/usr/bin/env python3
"""Checks which area of the program includes which: the table of docs/design.md, as a test.

    scripts/check_includes.py [REPOSITORY]

Prints each include that the table does not allow, and exits with 1 if there is one.
"""
import pathlib
import re
import sys

# area: the project's areas (or single headers) that it may include, and whether LibTorch and CLI11 are allowed
ALLOWED = {
    "util": ((), ()),
    "config": (("util",), ()),
    "data": (("config/config.h", "util"), ()),
    "kernels": (("util",), ("torch",)),
    "model": (("config/config.h", "kernels", "util"), ("torch",)),
    "diffusion": (("config/config.h", "util"), ("torch",)),
    "samplers": (("diffusion", "config/config.h", "util"), ("torch",)),
    "checkpoint": (("model", "diffusion", "config", "util"), ("torch",)),
    "sample": (("checkpoint", "samplers", "data/image_io.h", "data/image.h", "data/npy.h", "model", "diffusion",
                "config", "util"), ("torch",)),
    "train": (("sample", "checkpoint", "samplers", "data", "model", "diffusion", "kernels", "config", "util"),
              ("torch",)),
    "eval": (("sample", "data", "model", "checkpoint", "samplers", "diffusion", "kernels", "config", "util"), ("torch",)),
    "cli": (("eval", "train", "sample", "checkpoint", "samplers", "data", "model", "diffusion", "kernels", "config", "util"),
            ("torch", "CLI")),
}
TORCH_IN = {"data/batch_stream.h", "data/batch_stream.cpp"}  # the one place of `data` that makes tensors
OUTSIDE = {"cuda/module.cpp", "src/precompiled.h"}  # a library of its own, and what the build parses once
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def allowed(area: str, name: str, header: str) -> bool:
    ours, others = ALLOWED[area]
    if header.startswith("ddpm/"):
        path = header.removeprefix("ddpm/")
        return path.split("/")[0] == area or any(path == o or path.startswith(o + "/") for o in ours)
    if header.startswith(("torch/", "ATen/", "c10/")):
        return "torch" in others or name in TORCH_IN
    return "CLI" in others or not header.startswith("CLI/")


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    wrong = 0
    files = [f for top in ("include/ddpm", "src") for f in sorted((root / top).rglob("*")) if f.suffix in (".h", ".cpp")]
    for file in files:
        name = "/".join(file.parts[-2:])
        if name in OUTSIDE:
            continue
        for header in INCLUDE.findall(file.read_text()):
            if not allowed(file.parts[-2], name, header):
                print(f"{file}: {file.parts[-2]} may not include {header}")
                wrong += 1
    print(f"{len(files)} files, {wrong} includes that the table does not allow")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
