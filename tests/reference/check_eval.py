"""Scores two folders of images with `ddpm eval`, real torch-fidelity and real pytorch-fid, and compares the numbers.

    python tests/reference/check_eval.py OURS_BINARY [IMAGES]

check_eval.sh makes an environment and runs it. All three have Inception with the weights of
inception_weights.py; ours reads them from what scripts/convert_inception.py makes of the `.pth`. Kernel distance and
Inception score are compared on the same subsets: one of all images, and splits of the order that ours draws. Statistics
go both ways: pytorch-fid scores against a file of ours and ours against a file of pytorch-fid's. Exit code 1 if a number
differs by more than its tolerance. Takes about a second an image (default 60) on two cores.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pytorch_fid.fid_score
import torch
from PIL import Image
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.utils import create_feature_extractor

import make_eval_golden as golden

TOLERANCE = 1e-3  # relative
CONVERTER = pathlib.Path(__file__).parents[2] / "scripts" / "convert_inception.py"
SUBSET_PURPOSE = 30  # RandomPurpose::kEvaluationSubset


def philox(counter, key):
    """Philox4x32-10."""
    mask = 0xFFFFFFFF
    for _ in range(10):
        left, right = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(right >> 32) ^ counter[1] ^ key[0], right & mask, (left >> 32) ^ counter[3] ^ key[1], left & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return counter


def permutation(seed, count):
    """The order in which ours cuts images into splits."""
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        block = philox([i, 0, 0, SUBSET_PURPOSE], [seed & 0xFFFFFFFF, seed >> 32])
        unit = ((block[1] << 32 | block[0]) >> 11) * 2.0**-53
        j = int(unit * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def write_images(folder, images):
    folder.mkdir()
    for i, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        Image.fromarray(image.squeeze()).save(folder / f"{i:06}.png")


def ours(binary, images, reference, weights, *flags):
    command = [binary, "eval", "--images", str(images), "--reference", str(reference), "--features",
               f"inception:{weights}", "--no-bounds", "--json", *map(str, flags)]
    print("$", *command)
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


class Comparison:
    def __init__(self):
        self.failed = False

    def __call__(self, name, value, expected, tolerance=TOLERANCE):
        difference = abs(value - expected) / max(abs(expected), 1e-12)
        self.failed |= not difference <= tolerance
        print(f"{name:42} ours {value:<14.8g} theirs {expected:<14.8g} relative difference {difference:.1e}")


def check_torch_fidelity(compare, binary, folder, weights, count):
    generated, reference = folder / "generated", folder / "reference"
    result = ours(binary, generated, reference, weights, "--resize", "tf1", "--fid", "--kid", "--is", "--pr", "--kid-subsets",
                  1, "--kid-subset-size", count, "--seed", 0)
    options = dict(input1=str(generated), input2=str(reference), cuda=False, fid=True, kid=True, prc=True, kid_subsets=1,
                   kid_subset_size=count, verbose=False, cache=False, feature_extractor="inception-v3-compat",
                   feature_extractor_weights_path=str(folder / "weights.pth"))
    theirs = calculate_metrics(**options)
    compare("FID, torch-fidelity", result["fid"]["value"], theirs["frechet_inception_distance"])
    compare("KID, torch-fidelity", result["kid"]["value"], theirs["kernel_inception_distance_mean"])
    compare("precision, torch-fidelity", result["precision"]["value"], theirs["precision"])
    compare("recall, torch-fidelity", result["recall"]["value"], theirs["recall"])
    network = create_feature_extractor("inception-v3-compat", ["logits_unbiased"], **options)
    images = torch.stack([torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)
                          for file in sorted(generated.iterdir())])
    with torch.no_grad():
        logits = torch.cat([network(batch)[0] for batch in images.split(10)])
    score = isc_features_to_metric(logits[permutation(0, count)], splits=10, shuffle=False)
    compare("Inception score, torch-fidelity", result["is"]["value"], score["inception_score_mean"])


def check_pytorch_fid(compare, binary, folder, weights):
    generated, reference = folder / "generated", folder / "reference"
    result = ours(binary, generated, reference, weights, "--resize", "pytorch-fid", "--fid", "--save-stats",
                  folder / "ours.npz")
    pytorch_fid.fid_score.save_fid_stats([str(reference), str(folder / "theirs.npz")], 10, "cpu", 2048, 0)
    fid = lambda other: pytorch_fid.fid_score.calculate_fid_given_paths([str(generated), str(other)], 10, "cpu", 2048, 0)
    compare("FID, pytorch-fid", result["fid"]["value"], fid(reference))
    compare("FID, pytorch-fid with our statistics", result["fid"]["value"], fid(folder / "ours.npz"))
    again = ours(binary, generated, folder / "theirs.npz", weights, "--resize", "pytorch-fid", "--fid")
    compare("FID, ours with pytorch-fid's statistics", again["fid"]["value"], result["fid"]["value"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("images", nargs="?", type=int, default=60)
    arguments = parser.parse_args()
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()  # nothing of earlier runs
    compare = Comparison()
    for channels, side in ((3, 32), (1, 28)):
        rng = np.random.default_rng(channels)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            weights = golden.reference_networks()[2]
            torch.save(weights, folder / "weights.pth")
            subprocess.run([sys.executable, CONVERTER, folder / "weights.pth", folder / "weights.safetensors"], check=True)
            for part in ("generated", "reference"):
                images = golden.smooth_images(rng, arguments.images, channels, 32)[:, :, :side, :side]
                write_images(folder / part, images if part == "reference" else images // 2 + 60)
            print(f"{arguments.images} images a side, {channels} x {side} x {side}")
            check_torch_fidelity(compare, arguments.binary, folder, folder / "weights.safetensors", arguments.images)
            check_pytorch_fid(compare, arguments.binary, folder, folder / "weights.safetensors")
    sys.exit(compare.failed)


if __name__ == "__main__":
    main()
