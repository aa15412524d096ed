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
    "data": (("config/config.h", "config/dataset_traits.h", "config/names.h", "util"), ()),
    "runtime": (("config/config.h", "util"), ("torch",)),
    "kernels": (("util",), ("torch",)),
    "model": (("config/config.h", "config/block_types.h", "config/network_config.h", "kernels", "util"), ("torch",)),
    "diffusion": (("config/config.h", "util"), ("torch",)),
    "samplers": (("diffusion", "config/config.h", "config/process_traits.h", "config/sampler_traits.h", "util"), ("torch",)),
    "checkpoint": (("model", "diffusion", "config", "util"), ("torch",)),
    "sample": (("checkpoint", "samplers", "data/image_io.h", "data/image.h", "data/image_tensors.h", "data/npy.h", "model", "diffusion",
                "runtime", "config", "util"), ("torch",)),
    "train": (("sample", "checkpoint", "samplers", "data", "model", "diffusion", "kernels", "runtime", "config",
               "util"), ("torch",)),
    "eval": (("sample", "data", "model", "checkpoint", "samplers", "diffusion", "kernels", "runtime", "config", "util"),
             ("torch",)),
    "report": (("eval", "checkpoint", "diffusion", "data/image.h", "data/image_io.h", "config", "util"), ("torch",)),
    "app": (("report", "eval", "train", "sample", "checkpoint", "samplers", "data", "model", "diffusion", "kernels",
             "runtime", "config", "util"), ("torch",)),
    "cli": (("app", "report", "eval", "train", "sample", "checkpoint", "data", "diffusion", "runtime", "config", "util"),
            ("torch", "CLI")),
}
TORCH_IN = {"data/batch_stream.h", "data/batch_stream.cpp", "data/image_tensors.h",
            "data/image_tensors.cpp"}  # what of `data` makes tensors
OUTSIDE = {"cuda/module.cpp", "precompiled/modules.h", "precompiled/tensors.h"}  # a library of its own, and what the build parses once
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def allowed(area: str, name: str, header: str) -> bool:
    ours, others = ALLOWED[area]
    if header.startswith("ddpm/"):
        path = header.removeprefix("ddpm/")
        return path.split("/")[0] == area or any(path == o or path.startswith(o + "/") for o in ours)
    if header.startswith(("torch/", "ATen/", "c10/")):
        return "torch" in others or name in TORCH_IN
    return "CLI" in others or not header.startswith("CLI/")


def public_headers(root: pathlib.Path) -> list[str]:
    """Those that are installed, by src/CMakeLists.txt."""
    listed = re.search(r"set\(DDPM_PUBLIC_HEADERS([^)]*)\)", (root / "src/CMakeLists.txt").read_text())
    return listed.group(1).split() if listed else []


def not_closed(root: pathlib.Path) -> list[str]:
    """Includes of installed headers that are not installed."""
    public = public_headers(root)
    return [f"{header} is installed, {path} is not" for header in public
            for path in re.findall(r'"ddpm/([^"]+)"', (root / "include/ddpm" / header).read_text())
            if path not in public]


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    wrong = 0
    files = [f for top in ("include/ddpm", "src") for f in sorted((root / top).rglob("*")) if f.suffix in (".h", ".cpp")]
    for file in files:
        name = "/".join(file.parts[-2:])
        if name in OUTSIDE:
            continue
        parts = file.relative_to(root).parts  # include/ddpm/AREA/... or src/AREA/...
        area = parts[2] if parts[0] == "include" else parts[1]
        for header in INCLUDE.findall(file.read_text()):
            if not allowed(area, name, header):
                print(f"{file}: {area} may not include {header}")
                wrong += 1
    missing = not_closed(root)
    for line in missing:
        print(line)
    wrong += len(missing)
    print(f"{len(files)} files, {wrong} includes that the table does not allow")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
