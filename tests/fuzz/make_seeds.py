#!/usr/bin/env python3
"""Writes small valid inputs for the fuzz targets, and dictionaries of their words.

    tests/fuzz/make_seeds.py OUT

makes OUT/TARGET/NAME and OUT/TARGET.dict. Needs Python's standard library only.
"""
import base64
import gzip
import io
import json
import pathlib
import pickle
import struct
import sys
import tarfile
import zipfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"

# Made once with Pillow 12: optimized tables, 8 x 8 to 24 x 8 pixels.
JPEGS = {
    "subsampled": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////
////2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAARABEDASIAAhEB
AxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAAMEAv/EABYQAQEBAAAAAAAAAAAAAAAAAAACEv/EABgBAAIDAAAAAAAAAAAAAAAAAAIDAAEE/8QAGREB
AQADAQAAAAAAAAAAAAAAAAIBERIh/9oADAMBAAIRAxEAPwDPMKTDuYVmAY9SLRwNOBeju05WkAyyQAEHv//Z""",
    "grey": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////
////wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/EABUQAQEAAAAAAAAAAAAAAAAAAAIA/9oACAEBAAA/ADkX/9k=""",
    "progressive": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDACgcHiMeGSgjISMtKygwPGRBPDc3PHtYXUlkkYCZlo+AjIqgtObDoKrarYqMyP/L2u71////m8H////6/+b9
//j/2wBDASstLTw1PHZBQXb4pYyl+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj4+Pj/wgARCAAJABEDASIA
AhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAAMCBP/EABYBAQEBAAAAAAAAAAAAAAAAAAECA//aAAwDAQACEAMQAAAB56KQ5VO3/8QAFxABAQEBAAAA
AAAAAAAAAAAAABEBEP/aAAgBAQABBQKIjO//xAAXEQEAAwAAAAAAAAAAAAAAAAAAAQIR/9oACAEDAQE/AaS1/8QAFBEBAAAAAAAAAAAAAAAAAAAAEP/a
AAgBAgEBPwE//8QAFBABAAAAAAAAAAAAAAAAAAAAIP/aAAgBAQAGPwJf/8QAFhABAQEAAAAAAAAAAAAAAAAAARAA/9oACAEBAAE/ITS4n//aAAwDAQAC
AAMAAAAQHA//xAAWEQEBAQAAAAAAAAAAAAAAAAAAARH/2gAIAQMBAT8Qq2//xAAVEQEBAAAAAAAAAAAAAAAAAAARAP/aAAgBAgEBPxBYv//EABcQAAMB
AAAAAAAAAAAAAAAAAAAgYXH/2gAIAQEAAT8QkSMI/wD/2Q==""",
    "cmyk": """
/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwBQNzxGPDJQRkFGWlVQX3jIgnhubnj1r7mRyP//////////////////////////////////////////////////
/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABQAAQAAAAAAAAAAAAAAAAAAAAT/xAAYEAEBAAMAAAAAAAAAAAAAAAAAAQMRE//aAA4EQwBNAFkASwAAPwA+
IfkHJs1//9k=""",
    "restart": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////
////wAALCAAIABgBAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAwT/xAAXEAEBAQEAAAAAAAAAAAAAAAACAAEi/90ABAAB/9oACAEBAAA/AJyL/9AyL//R
FDvb/9k=""",
}


def safetensors(tensors, metadata=None):
    """tensors: (name, type, shape, bytes)."""
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape, content in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def npy(descr, shape, content, fortran=False, version=1):
    text = repr({"descr": descr, "fortran_order": fortran, "shape": shape}).encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + content


def npz(arrays, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)
    return file.getvalue()


def image_zip(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def idx(shape, values):
    return struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape) + values


def two_files(first, second):
    return struct.pack("<H", len(first)) + first + second


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) +
            chunk(b"IEND", b""))


def pngs():
    def rows(height, length):
        return b"".join(bytes([y % 5]) + bytes((37 * y + x) % 256 for x in range(length)) for y in range(height))

    palette = chunk(b"PLTE", bytes(range(12)))
    yield "grey", png(5, 5, 8, 0, rows(5, 5))
    yield "grey1", png(9, 3, 1, 0, rows(3, 2))
    yield "grey16", png(3, 3, 16, 0, rows(3, 6))
    yield "rgb", png(4, 6, 8, 2, rows(6, 12), chunk(b"tEXt", b"seed\x0017"))
    yield "palette", png(4, 2, 2, 3, rows(2, 1), palette + chunk(b"tRNS", b"\x00\x80"))
    yield "grey-alpha", png(3, 3, 8, 4, rows(3, 6), chunk(b"iTXt", b"k\0\0\0\0\0v"))
    yield "rgba", png(3, 3, 8, 6, rows(3, 12))
    yield "rgba16", png(2, 2, 16, 6, rows(2, 16))
    yield "rgb-transparent", png(2, 2, 8, 2, rows(2, 6), chunk(b"tRNS", bytes(6)))
    yield "interlaced", png(5, 5, 8, 0, bytes(11 + 25), interlace=1)


def bmps():
    def file(header, body):
        start = 14 + len(header)
        return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + body

    def info(width, height, bits, compression=0, size=40):
        return struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, 0, 0)

    yield "rgb", file(info(3, 2, 24), bytes(range(24)))
    yield "top-down", file(info(3, -2, 24), bytes(range(24)))
    yield "rgba", file(info(2, 2, 32), bytes(range(16)))
    yield "masks16", file(info(2, 2, 16, 3) + struct.pack("<III", 0xF800, 0x7E0, 0x1F), bytes(8))
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    yield "v4", file(info(2, 2, 32, 3, 108) + masks + bytes(52), bytes(16))
    for bits in (1, 4, 8):
        yield f"palette{bits}", file(info(5, 2, bits) + bytes(4 << bits), bytes(2 * ((5 * bits + 31) // 32 * 4)))
    yield "os2", file(struct.pack("<IHHHH", 12, 2, 2, 1, 24), bytes(16))


def image_files(ending, skip=0):
    """Those of tests/data/images, without their first bytes, which the target puts before them."""
    for file in sorted((DATA / "images").glob("*." + ending)):
        yield file.stem, file.read_bytes()[skip:]


def exifs():
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        tags = struct.pack(order + "IHHHII", 8, 2, 271, 2, 4, 0) + struct.pack(order + "HHIHHI", 274, 3, 1, 6, 0, 0)
        yield mark.decode()[:2], mark + tags
        head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13))
        yield mark.decode()[:2] + "-png", head + chunk(b"eXIf", mark + tags)
        block = b"WEBPVP8X" + struct.pack("<IIHHH", 10, 8, 1, 0, 1) + b"EXIF" + struct.pack("<I", 38) + mark + tags
        yield mark.decode()[:2] + "-webp", b"RIFF" + struct.pack("<I", len(block)) + block


def tar(files, **options):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, format=tarfile.USTAR_FORMAT, **options) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def checkpoint_files(pattern):
    for file in sorted(DATA.rglob(pattern)):
        yield "-".join(file.relative_to(DATA).parts), file.read_bytes()


def schedulers():
    yield from checkpoint_files("scheduler_config.json")
    names = ["DDPMScheduler", "DDIMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler",
             "DEISMultistepScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler",
             "HeunDiscreteScheduler", "PNDMScheduler", "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler",
             "FlowMatchEulerDiscreteScheduler"]
    for name in names:
        yield name, json.dumps({"_class_name": name}).encode()
    yield "multistep", json.dumps({
        "_class_name": names[2], "algorithm_type": "sde-dpmsolver++", "solver_order": 3, "solver_type": "heun",
        "thresholding": True, "sample_max_value": 2.0, "use_karras_sigmas": True, "lower_order_final": False,
        "timestep_spacing": "trailing", "trained_betas": [0.1, 0.5], "final_sigmas_type": "sigma_min"}).encode()
    yield "flow", json.dumps({"_class_name": names[-1], "shift": 3.0, "use_exponential_sigmas": True}).encode()
    yield "lambda", b'{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}'


def classifiers():
    config = json.loads((DATA / "checkpoint-v1" / "unet" / "config.json").read_text())
    for key in ("up_block_types", "upsample_type", "out_channels", "num_class_embeds", "_null_class_label"):
        config.pop(key, None)
    config |= {"_class_name": "NoisyClassifier", "num_classes": 3, "feature_dim": 8, "pooling": "attention",
               "_class_names": ["a", "b", "c"]}
    yield "attention", json.dumps(config).encode()
    yield "mean", json.dumps(config | {"pooling": "mean"}).encode()


def states():
    yield from checkpoint_files("state.json")
    yield "whole", json.dumps({
        "version": 1, "step": 7, "total_steps": None, "decay_start": 2, "seconds": 1.5, "loss_sum": 0.25,
        "loss_steps": 3, "accuracy_sum": 0.5, "bad_steps": 1, "skipped_steps": 2, "best_score": 3.25, "best_step": 6,
        "dataset_images": 60000, "threads": 2, "device": "cuda"}).encode()


def checksums():
    right = {"bytes": 10, "crc32": zlib.crc32(b"0123456789")}
    yield "right", json.dumps({"version": 1, "files": {"weights": right}}).encode()
    yield "missing", json.dumps({"files": {"unet/config.json": right}}).encode()
    yield "outside", json.dumps({"files": {"../weights": right}}).encode()


def torch_pickles():
    """The pickles in the small files of torch.save in tests/data/convert."""
    with zipfile.ZipFile(DATA / "convert" / "evil.pt") as archive:
        yield "evil", archive.read("evil/data.pkl")
    whole = (DATA / "convert" / "improved_old_layout.pt").read_bytes()
    yield "old_layout", whole[:700]
    yield "edm", (DATA / "convert" / "edm.pkl").read_bytes()


def pickles():
    yield from torch_pickles()
    value = {"a": [1, -1, 1 << 40, 2.5, None, True, b"x"], "b": (1, (2,), ()), 3: {4}, "c": frozenset([5])}
    for protocol in (2, 4, 5):
        yield f"values{protocol}", pickle.dumps(value, protocol)
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n((U\7storagectorch\nFloatStorage\nU\x010U\3cpuK\4tQK\0K\2K\2\x86K\2K\1\x86tR"
    for name in (b"time_embed.0.weight", b"ema.time_embedding.linear_1.weight", b"model.init_conv.weight"):
        yield name.decode(), b"\x80\2}U" + bytes([len(name)]) + name + tensor + b"s."


def guided_shapes():
    """Names and shapes of a small network, a tensor a line."""
    parts = {"in_layers.0": "64", "in_layers.2": "32 64 3 3", "emb_layers.1": "64 128", "out_layers.0": "32",
             "out_layers.3": "32 32 3 3", "skip_connection": "32 64 1 1"}
    layers = {"input_blocks.0.0": "32 3 3 3", "time_embed.0": "128 32", "time_embed.2": "128 128", "out.0": "32",
              "out.2": "6 32 3 3", "input_blocks.2.0.op": "32 32 3 3", "output_blocks.1.2.conv": "32 32 3 3"}
    for block in ("input_blocks.1.0", "input_blocks.3.0", "middle_block.0", "middle_block.2",
                  *(f"output_blocks.{i}.0" for i in range(4))):
        layers.update({f"{block}.{name}": shape for name, shape in parts.items()})
    for block in ("input_blocks.3.1", "middle_block.1", "output_blocks.0.1", "output_blocks.1.1"):
        layers.update({f"{block}.norm": "32", f"{block}.qkv": "96 32 1", f"{block}.proj_out": "32 32 1"})
    lines = [f"{name}.weight {shape}\n{name}.bias {shape.split()[0]}\n" for name, shape in layers.items()]
    yield "plain", "".join(lines).encode()
    yield "classes", ("".join(lines) + "label_emb.weight 10 128\n").encode()


def seeds():
    """target: [(name, bytes)]."""
    image = bytes(range(2 * 3 * 3))
    labels, images = idx([2], b"\x03\x01"), idx([2, 3, 3], image)
    record = b"\x02" + bytes(3072)
    names = b"cat\ndog\nbird\n"
    arrays = {"arr_0": npy("|u1", (1, 2, 3, 3), image), "arr_1": npy("<i8", (1,), bytes(8))}
    configs = [(file.stem, file.read_bytes()) for file in sorted((ROOT / "configs").glob("*.yaml"))]
    unets = [*checkpoint_files("config.json"), ("defaults", b"{}")]
    return {
        "safetensors": [
            *checkpoint_files("safetensors/*.safetensors"),
            ("plain", safetensors([("a", "F32", [2, 1], bytes(8)), ("b", "BOOL", [], b"\1")], {"format": "pt"})),
            ("empty", safetensors([("e", "BF16", [0, 7], b"")]))],
        "npy": [("u1", arrays["arr_0"]), ("f4", npy("<f4", (), bytes(4))),
                ("v2", npy("<i2", (2,), bytes(4), version=2)),
                ("fortran", npy("<f8", (2, 3), bytes(range(48)), fortran=True))],
        "metadata": [("csv", b'\0file_name,text,label\n"a,1.png","say ""hi""",cat\r\nb.png,,dog\n'),
                     ("jsonl", b'\1{"file_name": "a.png", "label": "cat"}\n{"file_name": "b.png", "label": 3}\n'),
                     ("json", b'\2{"labels": [["00000/a.png", 3], ["b.png", 0]], "more": null}')],
        "array_images": [("u1", two_files(npy("|u1", (2, 3, 3), image), npy("|u1", (2, 1), b"\0\1"))),
                         ("f4", two_files(npy("<f4", (1, 3, 1, 2), bytes(24)), npy("<f4", (1, 3), bytes(12)))),
                         ("f2", two_files(npy("<f2", (1, 1, 2), bytes(4)), npy("<i8", (1,), bytes(8))))],
        "image_zip": [("edm", image_zip({"00000/a.png": b"x", "00000/b.png": b"",
                                         "dataset.json": b'{"labels": [["00000/a.png", 3]]}'})),
                      ("splits", image_zip({"train/cat/a.png": b"x", "Valid/cat/b.JPG": b"", "notes.txt": b"",
                                            "train/metadata.csv": b"file_name,label\ncat/a.png,x\n"}))],
        "npz": [("medmnist", npz({"train_images": npy("|u1", (2, 3, 3), image), "train_labels":
                                  npy("|u1", (2, 1), b"\0\1"), "val_images": npy("|u1", (1, 3, 3), bytes(9))})),
                ("deflated", npz(arrays)), ("stored", npz(arrays, zipfile.ZIP_STORED)),
                ("grey", npz({"arr_0": npy("|u1", (2, 3, 3), image)}, zipfile.ZIP_STORED)),
                *checkpoint_files("eval/*.npz")],
        "gzip": [("packed", b"\x04" + gzip.compress(bytes(200), mtime=0)), ("plain", b"\x02hello"),
                 ("members", b"\x01" + 2 * gzip.compress(b"hello", mtime=0))],
        "deflate": [("zeros", b"\x05" + zlib.compress(bytes(32))[2:-4]),
                    ("stored", b"\x02" + zlib.compress(b"abcd", 0)[2:-4]),
                    ("text", b"\x08" + zlib.compress(64 * b"abca", 9)[2:-4])],
        "idx": [("plain", two_files(labels, images)), ("one", two_files(idx([1], b"\0"), idx([1, 1, 1], b"\7"))),
                ("packed", two_files(gzip.compress(labels, mtime=0), gzip.compress(images, mtime=0)))],
        "cifar": [("one", two_files(names, record)), ("packed", two_files(b"", gzip.compress(2 * record, mtime=0)))],
        "tar": [("plain", tar({"cifar-10-batches-bin/test_batch.bin": record,
                               "cifar-10-batches-bin/batches.meta.txt": names}, mode="w")),
                ("packed", tar({"a/" + 120 * "b" + "/test_batch.bin": record, "x": b"123"}, mode="w:gz")),
                ("small", tar({"batches.meta.txt": names, "../out": b"12"}, mode="w"))],
        "yaml": [*configs, *checkpoint_files("config.yaml"),
                 ("flow", b'{data: {name: idx, image_size: [8, 8]}, train: {steps: null}}\n'),
                 ("quoted", b'\xef\xbb\xbfdata:\n  root: "a\\x41\\u00e9"\n  split: \'test\' # c\n')],
        "json": [("mixed", b'{"a": [1, -2.5e3, "x\\u00e9", null, true, {}], "b": NaN, "c": -Infinity}'),
                 *checkpoint_files("model_index.json")],
        "unet_config": unets,
        "classifier_config": [*classifiers()],
        "scheduler_config": [*schedulers()],
        "training_state": [*states()],
        "checksums": [*checksums()],
        "pickle": [*pickles()],
        "guided_names": [*guided_shapes()],
        "png": [*pngs(), *((name, content) for name, content in image_files("png") if content[1:4] == b"PNG")],
        "jpeg": [*((name, base64.b64decode(text)[3:]) for name, text in JPEGS.items()), *image_files("jpg", 3)],
        "bmp": [(name, content[2:]) for name, content in bmps()],
        "webp": [*image_files("webp", 4)],
        "gif": [*image_files("gif", 6)],
        "tiff": [*image_files("tif")],
        "pnm": [*image_files("ppm", 1), *image_files("pgm", 1)],
        "exif": [*exifs()],
    }


WORDS = {
    "safetensors": ['"__metadata__"', '"dtype"', '"shape"', '"data_offsets"', '"F32"', '"BF16"', '"I64"', '"BOOL"'],
    "npy": ["'descr'", "'fortran_order'", "'shape'", "'<f4'", "'|u1'", "True", "False"],
}


def words_of(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from words_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from words_of(item)
    elif isinstance(value, str):
        yield value


def dictionary(target, files):
    """Words of the JSON seeds, of the settings in YAML, or those above."""
    words = set(WORDS.get(target, []))
    for _, content in files:
        if target == "yaml":
            words |= {word.strip(":[],") for word in content.decode().split()}
        else:
            try:
                words |= {json.dumps(word) for word in words_of(json.loads(content))}
            except ValueError:
                continue
    plain = [word for word in sorted(words) if 1 < len(word) < 60 and word.isascii() and word.isprintable()]
    return "".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for word in plain)


def main():
    out = pathlib.Path(sys.argv[1])
    for target, files in seeds().items():
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            (folder / name).write_bytes(content)
        (out / f"{target}.dict").write_text(dictionary(target, files))


if __name__ == "__main__":
    main()
