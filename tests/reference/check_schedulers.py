"""Samples from scheduler files of diffusers by the real `ddpm sample` and by diffusers, from the same noise.

    python tests/reference/check_schedulers.py build/ddpm [-k WORD]

Run by hand, in an environment as for make_golden.py. Each case is a small random U-Net beside the scheduler_config.json
that diffusers' scheduler writes itself; the reference is that scheduler's own loop, with the noise that `ddpm sample`
adds (Philox, as in src/util/random.cpp) where it adds any. Prints the largest difference of each case, relative to the
largest value of the images, and exits with 1 if one exceeds 1e-4. Cases that differ on purpose (docs/samplers.md,
"Where ours differs") are marked with what differs, and only have to differ by no more than is told.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler,
                       EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, HeunDiscreteScheduler, UNet2DModel,
                       UniPCMultistepScheduler)
from make_sampler_golden import fractional, run

IMAGES, SEED, TOLERANCE, SAMPLER_NOISE = 2, 3, 1e-4, 9
# As in make_sampler_golden.py: with the usual end of 0.02 the first answer, divided by alpha, would hide the others.
MILD = dict(beta_end=0.008)
V = dict(prediction_type="v_prediction")
TRAILING = dict(timestep_spacing="trailing", **MILD)
LEADING = dict(timestep_spacing="leading", **MILD)
ZERO_SNR = dict(rescale_betas_zero_snr=True, timestep_spacing="trailing", **V)
THRESHOLD = dict(thresholding=True, sample_max_value=1.5, dynamic_thresholding_ratio=0.9, **MILD)
KARRAS = dict(use_karras_sigmas=True, **MILD)
GRID = "timesteps of the grid not rounded"
STRIDE = "DDIM's previous timestep t - T//S"
TINY_ALPHA = "starts from alpha^2 = 2^-24, not 0"

CASES = {
    DDPMScheduler: {
        "default": MILD, "trailing v": {**TRAILING, **V},
        "thresholding large": {**THRESHOLD, "variance_type": "fixed_large"},
        "zero snr": ZERO_SNR, "sample, range 2": {**MILD, "prediction_type": "sample", "clip_sample_range": 2.0},
        "linspace": {**MILD, "timestep_spacing": "linspace"}, "cosine small_log": dict(
            beta_schedule="squaredcos_cap_v2", variance_type="fixed_small_log", prediction_type="v_prediction"),
    },
    DDIMScheduler: {
        "default": MILD, "trailing v": {**TRAILING, **V, "clip_sample": False}, "thresholding": THRESHOLD,
        "zero snr": {**ZERO_SNR, "clip_sample": False},
        "as Stable Diffusion": dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1,
                                    set_alpha_to_one=False, clip_sample=False, **V),
        "linspace": {**MILD, "timestep_spacing": "linspace"},
    },
    DPMSolverMultistepScheduler: {
        "default": MILD, "third order karras": {**KARRAS, "solver_order": 3},
        "sde": {**TRAILING, "algorithm_type": "sde-dpmsolver++"},
        "thresholding heun": {**THRESHOLD, "solver_type": "heun"}, "full order": {**MILD, "lower_order_final": False},
        "sigma_min": {**MILD, "final_sigmas_type": "sigma_min"}, "zero snr": ZERO_SNR,
        "lu": {**MILD, "use_lu_lambdas": True}, "exponential": {**MILD, "use_exponential_sigmas": True},
        "karras sigma_min": {**KARRAS, "final_sigmas_type": "sigma_min"},
        "leading v": {**LEADING, **V, "steps_offset": 1},
        "first order scaled": {**TRAILING, "solver_order": 1, "beta_schedule": "scaled_linear"},
    },
    UniPCMultistepScheduler: {
        "default": MILD, "third order trailing v": {**TRAILING, **V, "solver_order": 3},
        "bh1 sigma_min": {**MILD, "solver_type": "bh1", "final_sigmas_type": "sigma_min"}, "karras": KARRAS,
        "thresholding": THRESHOLD, "karras sigma_min": {**KARRAS, "final_sigmas_type": "sigma_min"},
        "zero snr": ZERO_SNR, "leading": {**LEADING, "steps_offset": 1},
        "full order": {**TRAILING, "lower_order_final": False},
        "full order sigma_min": {**TRAILING, "lower_order_final": False, "final_sigmas_type": "sigma_min"},
    },
    DEISMultistepScheduler: {
        "default": MILD, "third order trailing v": {**TRAILING, **V, "solver_order": 3}, "karras": KARRAS,
        "thresholding": THRESHOLD, "full order": {**MILD, "lower_order_final": False},
        "exponential": {**MILD, "use_exponential_sigmas": True}, "leading": {**LEADING, "steps_offset": 1},
    },
    EulerDiscreteScheduler: {
        "default": MILD, "trailing v": {**TRAILING, **V}, "karras": KARRAS,
        "leading karras": {**LEADING, "use_karras_sigmas": True},
        "sigma_min": {**MILD, "final_sigmas_type": "sigma_min"},
        "trailing exponential": {**TRAILING, "use_exponential_sigmas": True},
        "leading": {**LEADING, "steps_offset": 1}, "zero snr": ZERO_SNR,
        "sample": {**MILD, "prediction_type": "sample"},
    },
    EulerAncestralDiscreteScheduler: {
        "default": MILD, "trailing v": {**TRAILING, **V}, "leading": {**LEADING, "steps_offset": 1},
        "zero snr": ZERO_SNR,
    },
    HeunDiscreteScheduler: {
        "default": dict(beta_start=1e-4, **MILD), "its own betas v": V, "karras": KARRAS,
        "trailing v": {**TRAILING, **V}, "leading clipped": {**LEADING, "clip_sample": True},
        "leading exponential": {**LEADING, "use_exponential_sigmas": True},
        "trailing karras": {**TRAILING, "use_karras_sigmas": True},
    },
}
# What differs on purpose, and by how much at most; GRID is put right in diffusers and then held to TOLERANCE.
DIFFERENT = {
    ("DDIMScheduler", "linspace"): (STRIDE, 2.0),
    ("UniPCMultistepScheduler", "full order"): ("diffusers' last step gives NaN", float("inf")),
    ("EulerDiscreteScheduler", "zero snr"): (TINY_ALPHA, 2e-3),
    ("EulerAncestralDiscreteScheduler", "zero snr"): (TINY_ALPHA, 2e-3),
}
MULTISTEP = (DPMSolverMultistepScheduler, UniPCMultistepScheduler, DEISMultistepScheduler)


def philox_normal(seed, purpose, index, count):
    """`fill_normal` of src/util/random.cpp."""
    blocks = -(-count // 4)
    counter = np.zeros((4, blocks), np.uint64)
    counter[0], counter[1], counter[3] = np.arange(blocks), index, purpose
    keys, mask = [seed & 0xFFFFFFFF, seed >> 32], np.uint64(0xFFFFFFFF)
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * counter[0], np.uint64(0xCD9E8D57) * counter[2]
        counter = np.stack([(right >> np.uint64(32)) ^ counter[1] ^ np.uint64(keys[0]), right & mask,
                            (left >> np.uint64(32)) ^ counter[3] ^ np.uint64(keys[1]), left & mask])
        keys = [(keys[0] + 0x9E3779B9) & 0xFFFFFFFF, (keys[1] + 0xBB67AE85) & 0xFFFFFFFF]
    words = counter.T.reshape(blocks, 2, 2)
    radius = np.sqrt(-2 * np.log((words[..., 0].astype(np.float32) + np.float32(0.5)) * np.float32(2**-32)))
    angle = 2 * np.float32(np.pi) * (words[..., 1] >> np.uint64(8)).astype(np.float32) * np.float32(2**-24)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1).reshape(-1)[:count]


def added_noise(steps, shape):
    """[S, N, C, H, W]: what `ddpm sample --seed SEED` adds in each step."""
    images = [[philox_normal(SEED + i, SAMPLER_NOISE, step, int(np.prod(shape[1:]))) for i in range(shape[0])]
              for step in range(steps)]
    return torch.from_numpy(np.array(images, np.float32).reshape(steps, *shape))


def theirs(unet, config, cls, steps, noise, right_grid):
    scheduler = cls.from_config(config)
    scheduler.set_timesteps(steps)
    if right_grid:
        fractional(scheduler)
    network = lambda x, t: unet(x, torch.as_tensor([float(t)])).sample
    return run(scheduler, network, noise, added_noise(steps, noise.shape))


def ours(binary, folder, steps, noise):
    np.save(folder / "x.npy", noise.numpy())
    out = folder / "out.npy"
    out.unlink(missing_ok=True)
    command = [binary, "sample", "-q", "--checkpoint", folder, "--noise", folder / "x.npy", "--steps", str(steps),
               "--seed", str(SEED), "--device", "cpu", "--precision", "float32", "--out", out]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return torch.from_numpy(np.load(out))


def compare(binary, folder, unet, cls, name, kwargs, noise):
    """Largest difference over two numbers of steps, and what is known to differ."""
    scheduler = cls(**kwargs)
    scheduler.save_pretrained(folder / "scheduler")
    config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    on_grid = any(config.get(key) for key in ("use_karras_sigmas", "use_lu_lambdas", "use_exponential_sigmas"))
    right_grid = on_grid and cls in MULTISTEP
    # DDIM's and DDPM's strides must divide 1000; the others take any.
    counts = (10, 20) if cls in (DDIMScheduler, DDPMScheduler) else (10, 19)
    difference = 0.0
    for steps in counts:
        reference = theirs(unet, config, cls, steps, noise, right_grid)
        result = ours(binary, folder, steps, noise)
        if not result.isfinite().all():
            return float("inf"), ("ours is not finite", TOLERANCE)
        error = ((result - reference).abs().max() / reference.abs().max()).item()
        difference = max(difference, error if error == error else float("inf"))
    return difference, DIFFERENT.get((cls.__name__, name), (GRID if right_grid else "", TOLERANCE))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("-k", default="", help="only cases whose scheduler and name hold this word")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    torch.manual_seed(0)
    unet = UNet2DModel(sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(8, 16),
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D"), norm_num_groups=4).eval()
    noise = torch.randn(IMAGES, 1, 8, 8)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        unet.save_pretrained(folder / "unet")
        for cls, variants in CASES.items():
            for name, kwargs in variants.items():
                if arguments.k not in f"{cls.__name__} {name}":
                    continue
                difference, (known, limit) = compare(arguments.binary, folder, unet, cls, name, kwargs, noise)
                wrong = not difference <= limit
                failed += wrong
                print(f"{cls.__name__:33}{name:24}{difference:9.1e}  {'WRONG ' if wrong else ''}{known}", flush=True)
    print(f"{failed} differ by more than they may")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
