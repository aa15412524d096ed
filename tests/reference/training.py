"""Reference numbers of the training objective: loss weights, loss types, the variational bound, timestep samplers.

Run by make_golden.py. Weights start from diffusers' `compute_snr`; all else is plain Python in float64.
"""
import math
import statistics

import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr

from tables import DATA, write_json


def own_weights(snr, kind):
    """Weight of each prediction type's own squared error, written out type by type as in papers and training scripts."""
    eps = {"snr": 1.0, "min_snr": min(snr, 5.0) / snr, "soft_min_snr": 5.0 / (snr + 5.0),
           "trunc_snr": max(snr, 1.0) / snr, "p2": 1.0 / (1.0 + snr) ** 0.5}[kind]
    return {"epsilon": eps, "sample": eps * snr, "v_prediction": eps * snr / (snr + 1.0)}


def loss_weights():
    scheduler = DDPMScheduler(num_train_timesteps=1000)
    scheduler.alphas_cumprod = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)
    rows = []
    for t in (0, 100, 300, 500, 700, 999):
        snr = compute_snr(scheduler, torch.tensor([t])).double().item()
        for kind in ("snr", "min_snr", "soft_min_snr", "trunc_snr", "p2"):
            for prediction, weight in own_weights(snr, kind).items():
                rows.append({"t": t, "weighting": kind, "prediction_type": prediction, "weight": weight})
    return rows


def loss_types():
    """As diffusers' train_dreambooth_lora scripts write them, c = 0.1."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    d, c = a - b, 0.1
    values = {"l2": d**2, "l1": d.abs(), "huber": 2 * c * (torch.sqrt(d**2 + c**2) - c)}
    return {"prediction": a.tolist(), "target": b.tolist(),
            **{name: value.mean(1).tolist() for name, value in values.items()}}


def cdf(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def discretized_nll(x, mean, deviation):
    below = 0.0 if x == -1.0 else cdf((x - 1 / 255 - mean) / deviation)
    above = 1.0 if x == 1.0 else cdf((x + 1 / 255 - mean) / deviation)
    return -math.log(max(above - below, 1e-12))


def bound():
    pixels = [(k / 127.5 - 1, mean, deviation) for k in (0, 1, 100, 128, 254, 255)
              for mean, deviation in ((-0.98, 0.1), (0.0, 0.5), (0.9, 0.02), (1.3, 1.0))]
    normal = torch.distributions.Normal
    pairs = [(0.0, 0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (0.3, -2.0, -0.2, 1.0)]
    kl = [torch.distributions.kl_divergence(normal(torch.tensor(a, dtype=torch.float64), math.exp(0.5 * va)),
                                            normal(torch.tensor(b, dtype=torch.float64), math.exp(0.5 * vb))).item()
          for a, va, b, vb in pairs]
    return {"discretized": [[x, m, d, discretized_nll(x, m, d)] for x, m, d in pixels],
            "kl": [[*pair, value] for pair, value in zip(pairs, kl)]}


def quantiles():
    points = (1e-9, 1e-4, 0.025, 0.3, 0.5, 0.8, 0.999, 1 - 1e-9)
    return [[u, statistics.NormalDist().inv_cdf(u)] for u in points]


def make_training():
    write_json(DATA / "training.json", {"loss_weights": loss_weights(), "loss_types": loss_types(), "bound": bound(), "quantiles": quantiles()})
