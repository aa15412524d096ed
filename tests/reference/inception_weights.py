"""Weights for FID's Inception by a formula, the same here and in tests/support/inception_weights.h, so that no file of
weights is needed to compare networks. Scaled so that activations stay of the order of 1 through all layers."""
import numpy as np
import torch


def numbers(key: int, count: int) -> np.ndarray:
    """Numbers in [-1, 1): a hash of (key, index), exact in both languages."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(key * 0x85EBCA77 % 2**32)
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
            x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
        x = x ^ (x >> np.uint32(16))
    return x.astype(np.float64) * 2.0**-31 - 1.0


def value_range(name: str, shape) -> tuple[float, float]:
    """Middle and half width of a tensor's values."""
    if name.endswith("conv.weight"):
        return 0.0, float(np.sqrt(7.5 / (shape[1] * shape[2] * shape[3])))
    if name == "fc.weight":
        return 0.0, 0.125
    return {"bn.weight": (1.0, 0.25), "bn.bias": (-0.25, 0.25), "running_mean": (0.0, 0.25),
            "running_var": (1.0, 0.5), "fc.bias": (0.0, 0.25)}[next(
                k for k in ("bn.weight", "bn.bias", "running_mean", "running_var", "fc.bias") if name.endswith(k))]


def fill(shapes: dict) -> dict:
    """Tensors for {name: shape}; keys count in the order of the names."""
    weights = {}
    for key, name in enumerate(sorted(shapes)):
        middle, width = value_range(name, shapes[name])
        values = middle + width * numbers(key, int(np.prod(shapes[name])))
        weights[name] = torch.from_numpy(values.astype(np.float32)).view(tuple(shapes[name]))
    return weights
