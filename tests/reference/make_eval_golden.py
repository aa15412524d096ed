#!/usr/bin/env python3
"""Writes tests/data/eval from what torch-fidelity, pytorch-fid, scipy and pytorch-msssim compute.

    python3 -m venv /tmp/eval-reference
    /tmp/eval-reference/bin/pip install torch==2.13.0 torchvision==0.28.0 scipy==1.17.1 numpy==2.4.6 safetensors==0.8.0 \\
        torch-fidelity==0.4.0 pytorch-fid==0.3.0 pytorch-msssim==1.0.0
    /tmp/eval-reference/bin/python tests/reference/make_eval_golden.py

The networks are the packages' own, with weights by the formula of inception_weights.py.
"""
import json
import pathlib
import tempfile

import numpy as np
import pytorch_fid.inception
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from pytorch_msssim import ms_ssim
from pytorch_msssim.ssim import _fspecial_gauss_1d, _ssim
from safetensors.torch import save_file
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd
from torch_fidelity.metric_prc import prc_features_to_metric

from inception_weights import fill

OUT = pathlib.Path(__file__).parent.parent / "data" / "eval"
SCALE_WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
SUBSETS, SUBSET_SIZE = 4, 50


class Shapes(FeatureExtractorInceptionV3):
    """torch-fidelity's network before weights are loaded."""

    def load_state_dict(self, state_dict, *args, **kwargs):
        self.shapes = {k: tuple(v.shape) for k, v in self.state_dict().items() if "num_batches" not in k}


def reference_networks():
    """torch-fidelity's and pytorch-fid's networks with our weights, and the weights."""
    with tempfile.TemporaryDirectory() as folder:
        empty, full = pathlib.Path(folder) / "empty.pth", pathlib.Path(folder) / "full.pth"
        torch.save({}, empty)
        weights = fill(Shapes("shapes", ["2048"], feature_extractor_weights_path=str(empty)).shapes)
        torch.save(weights, full)
        fidelity = FeatureExtractorInceptionV3("inception-v3-compat", ["2048", "logits_unbiased"],
                                               feature_extractor_weights_path=str(full))
    pytorch_fid.inception.load_state_dict_from_url = lambda *args, **kwargs: weights
    return fidelity, pytorch_fid.inception.InceptionV3([3]).eval(), weights


def smooth_images(rng, count, channels, side):
    """Random coarse pictures with some noise, so that pixels are of all sizes and near ones are alike."""
    coarse = torch.from_numpy(rng.uniform(-60, 315, (count, channels, side // 8, side // 8)).astype(np.float32))
    large = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)
    noise = torch.from_numpy(rng.normal(0, 8, large.shape).astype(np.float32))
    return (large + noise).clamp(0, 255).round().to(torch.uint8)


def inception_golden(rng):
    fidelity, pytorch, _ = reference_networks()
    images, grey = smooth_images(rng, 2, 3, 32), smooth_images(rng, 1, 1, 28)
    with torch.no_grad():
        features, logits = fidelity(images)
        grey_features, _ = fidelity(grey.expand(-1, 3, -1, -1))
        other = pytorch(images.float() / 255)[0].flatten(1)
    print("features: mean %.3f, spread over dimensions %.3f, between the images %.3f, pytorch-fid's differ by %.4f" % (
        features.mean(), features.std(1).mean(), (features[0] - features[1]).abs().mean(),
        (features - other).abs().max()))
    print("logits: spread", logits.std(1).tolist())
    return {"inception.images": images, "inception.grey": grey, "inception.tf1": features,
            "inception.tf1_logits": logits, "inception.tf1_grey": grey_features, "inception.pytorch_fid": other}


def frechet(a, b):
    """The distance by both packages; torch-fidelity's is returned, as it adds nothing to singular covariances."""
    mine, theirs = fid_features_to_statistics(a), fid_features_to_statistics(b)
    value = fid_statistics_to_metric(mine, theirs, False)["frechet_inception_distance"]
    other = calculate_frechet_distance(mine["mu"], mine["sigma"], theirs["mu"], theirs["sigma"])
    print("frechet: torch-fidelity %.12g, pytorch-fid %.12g" % (value, other))
    return value, float(other)


def metric_golden(rng):
    mix = rng.normal(size=(16, 16)) / 4
    reference = torch.from_numpy((rng.normal(size=(240, 16)) @ mix + rng.normal(size=16)).astype(np.float32))
    generated = torch.from_numpy((0.8 * rng.normal(size=(200, 16)) @ mix + rng.normal(size=16) / 2 + 0.5).astype(
        np.float32)) * 0.5 + reference[:200] * 0.5
    logits = torch.from_numpy(rng.normal(0, 2, (205, 12)).astype(np.float32))
    kwargs = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    mine = np.stack([rng.choice(200, SUBSET_SIZE, replace=False) for _ in range(SUBSETS)])
    theirs = np.stack([rng.choice(240, SUBSET_SIZE, replace=False) for _ in range(SUBSETS)])
    mmds = [kernel_mmd(generated.double().numpy()[i], reference.double().numpy()[j], **kwargs)
            for i, j in zip(mine, theirs)]
    scores = isc_features_to_metric(logits, splits=10, shuffle=False)
    manifold = prc_features_to_metric(generated, reference, prc_neighborhood=3, prc_batch_size=10000,
                                      save_cpu_ram=False, verbose=False)
    whole, whole_pytorch = frechet(generated, reference)
    few, _ = frechet(generated[:9], reference[:12])  # singular
    values = {"frechet": whole, "frechet_pytorch_fid": whole_pytorch, "frechet_singular": few,
              "kernel_mean": float(np.mean(mmds)), "kernel_deviation": float(np.std(mmds)),
              "inception_score_mean": scores["inception_score_mean"],
              "inception_score_deviation": scores["inception_score_std"],
              "precision": manifold["precision"], "recall": manifold["recall"]}
    tensors = {"metrics.generated": generated, "metrics.reference": reference, "metrics.logits": logits,
               "metrics.generated_subsets": torch.from_numpy(mine), "metrics.reference_subsets": torch.from_numpy(theirs)}
    return tensors, values


def few_scales(first, second, weights):
    """pytorch-msssim's `ms_ssim`, which refuses images under 161 pixels, with its own terms at each scale."""
    window, terms = _fspecial_gauss_1d(11, 1.5).double().repeat(first.shape[1], 1, 1, 1), []
    for scale in range(len(weights)):
        ssim, contrast = _ssim(first, second, 255, window, size_average=False)
        terms.append(torch.relu(ssim if scale + 1 == len(weights) else contrast))
        first, second = (torch.nn.functional.avg_pool2d(x, 2) for x in (first, second))
    powers = torch.tensor(weights).view(-1, 1, 1)
    return torch.prod(torch.stack(terms) ** powers, 0).mean(1)


def ms_ssim_golden(rng):
    large = [smooth_images(rng, 1, 3, 176).double() for _ in range(2)]
    both = few_scales(*large, SCALE_WEIGHTS), ms_ssim(*large, data_range=255, size_average=False, weights=SCALE_WEIGHTS)
    assert torch.allclose(*both, rtol=0, atol=1e-6), both
    tensors, values = {}, {}
    for side, scales, channels in ((32, 2, 3), (64, 3, 1), (28, 2, 1)):
        weights = np.array(SCALE_WEIGHTS[:scales])
        first = smooth_images(rng, 2, channels, side - side % 8)
        first = torch.nn.functional.pad(first, (0, side % 8, 0, side % 8))
        noise = torch.from_numpy(rng.normal(0, 25, first.shape).astype(np.float32))
        second = (0.8 * first.float() + noise + 20).clamp(0, 255).round().to(torch.uint8)
        score = few_scales(first.double(), second.double(), (weights / weights.sum()).tolist())
        tensors |= {f"ms_ssim.{side}.first": first, f"ms_ssim.{side}.second": second}
        values[str(side)] = {"scales": scales, "values": score.tolist()}
    return tensors, values


def main():
    rng = np.random.default_rng(0)
    tensors = inception_golden(rng)
    metrics, values = metric_golden(rng)
    similar, scores = ms_ssim_golden(rng)
    values["ms_ssim"] = scores
    OUT.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in (tensors | metrics | similar).items()}, OUT / "golden.safetensors")
    (OUT / "golden.json").write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")
    mu, sigma = (fid_features_to_statistics(metrics["metrics.reference"])[k] for k in ("mu", "sigma"))
    np.savez_compressed(OUT / "pytorch_fid.npz", mu=mu, sigma=sigma)
    np.savez(OUT / "lucidrains.npz", m2=mu, s2=sigma)
    print(json.dumps(values, indent=1))
    print(sum(f.stat().st_size for f in OUT.iterdir()), "bytes in", OUT)


if __name__ == "__main__":
    main()
