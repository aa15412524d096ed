"""The reference tables that need no network: schedules, safetensors files, the names of DDPM's parameters.

Run by make_golden.py. Schedules are numpy in float64, and checked against the published values.
"""
import json
import math
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

DATA = Path(__file__).resolve().parent.parent / "data"


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def betas(kind, steps, start=1e-4, end=0.02):
    if kind == "linear":
        return np.linspace(start, end, steps)
    if kind == "scaled_linear":
        return np.linspace(start**0.5, end**0.5, steps) ** 2
    f = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - f[1:] / f[:-1], 0.999)


def spaced(kind, count, steps=1000):
    """Timesteps in the order of sampling."""
    ascending = {"uniform": lambda: range(0, steps, steps // count),
                 "quad": lambda: (np.linspace(0, math.sqrt(0.8 * steps), count) ** 2).astype(int),
                 "leading": lambda: np.arange(count) * (steps // count),
                 "trailing": lambda: np.round(np.arange(steps, 0, -steps / count))[::-1] - 1,
                 "linspace": lambda: np.linspace(0, steps - 1, count).round()}[kind]()
    return [int(t) for t in ascending][::-1]


def embedding(t, dim, flip, shift):
    angles = t * 10000.0 ** (-np.arange(dim // 2) / (dim // 2 - shift))
    halves = [np.sin(angles), np.cos(angles)]
    return np.concatenate(halves[::-1] if flip else halves).tolist()


def analytic(alpha_bar, timesteps):
    """Data N(0, 1) and its exact predictor eps = sqrt(1 - alpha_bar) x: end values of DDIM, and variances of DDPM."""
    x, variance = 1.0, {"fixed_small": 1.0, "fixed_large": 1.0}
    for i, t in enumerate(timesteps):
        last = i + 1 == len(timesteps)
        a, p = alpha_bar[t], 1.0 if last else alpha_bar[timesteps[i + 1]]
        x *= math.sqrt(p * a) + math.sqrt((1 - p) * (1 - a))
        if a == p:  # a step that quad lists twice
            continue
        gain = math.sqrt(p * a) * (1 - a / p) / (1 - a) + math.sqrt(a / p) * (1 - p) / (1 - a)
        added = {"fixed_small": (1 - p) / (1 - a) * (1 - a / p), "fixed_large": 1 - a / p}
        variance = {k: gain**2 * v + (0 if last else added[k]) for k, v in variance.items()}
    return {"ddim": x, **{f"ddpm_variance_{k}": v for k, v in variance.items()}}


def make_schedules():
    schedules = []
    for kind, steps, start, end in [("linear", 1000, 1e-4, 0.02), ("scaled_linear", 1000, 1e-4, 0.02),
                                    ("squaredcos_cap_v2", 1000, None, None), ("squaredcos_cap_v2", 4000, None, None),
                                    ("linear", 4000, 2.5e-5, 0.005)]:
        beta = betas(kind, steps, start, end)
        alpha_bar = np.cumprod(1 - beta)
        previous = np.concatenate([[1.0], alpha_bar[:-1]])
        columns = {"betas": beta, "alphas_cumprod": alpha_bar,
                   "posterior_variance": (1 - previous) / (1 - alpha_bar) * beta}
        at = [0, 1, 2, steps // 10, steps // 2, steps - 2, steps - 1]
        schedules.append({"beta_schedule": kind, "num_train_timesteps": steps, "beta_start": start, "beta_end": end,
                          **{k: {str(t): float(v[t]) for t in at} for k, v in columns.items()}})
    alpha_bar = np.cumprod(1 - betas("linear", 1000))
    spacings = {kind: {str(n): spaced(kind, n) for n in (10, 20, 50)}
                for kind in ("uniform", "quad", "leading", "trailing", "linspace")}
    embeddings = [{"t": 37, "dim": 8, "flip_sin_to_cos": flip, "freq_shift": shift,
                   "values": embedding(37, 8, flip, shift)} for flip in (False, True) for shift in (0, 1)]
    ends = {kind: {str(n): analytic(alpha_bar, spaced(kind, n)) for n in counts}
            for kind, counts in [("uniform", (10, 20, 50, 100, 1000)), ("quad", (10, 20, 50, 100))]}
    found = {"schedules": schedules, "spacings": spacings, "embeddings": embeddings, "analytic": ends}
    check_published(found)
    write_json(DATA / "schedules.json", found)


def check_published(found):
    """The values of shared/correctness.md, section 3, to every digit printed there."""
    linear, quad, cosine, cosine4, linear4 = found["schedules"]
    uniform, ends_quad = found["analytic"]["uniform"], found["analytic"]["quad"]
    pairs = [
        (linear["alphas_cumprod"], {"0": ".9999", "1": ".999780092072", "500": ".077796658365",
                                    "998": "4.11819363814e-05", "999": "4.03582976538e-05"}),
        (linear["posterior_variance"], {"1": "5.4531876613e-05", "999": ".0199999835266"}),
        (cosine["betas"], {"0": "4.1284224822e-05", "1": "4.61417527367e-05", "500": ".00315569144159",
                           "998": ".749999392901", "999": ".999"}),
        (cosine["alphas_cumprod"], {"500": ".492285172449", "999": "2.42876690703e-09"}),
        (cosine4["betas"], {"0": "9.86581881368e-06", "3998": ".749999962056"}),
        (cosine4["alphas_cumprod"], {"2000": ".493453979674", "3999": "1.51798046885e-10"}),
        (linear4["alphas_cumprod"], {"3999": "4.2466522758e-05", "2000": ".0787464752243"}),
        (quad["betas"], {"500": ".00574207106769"}), (quad["alphas_cumprod"], {"999": ".000733412459581"}),
        *[({n: v["ddim"] for n, v in ends.items()}, dict(zip(ends, texts.split()))) for ends, texts in [
            (uniform, ".8316958768 .9125317078 .9640792715 .9818508346 .9981242940"),
            (ends_quad, ".8550580775 .9285090681 .9715825969 .9857653118")]],
        ({n: v["ddpm_variance_fixed_small"] for n, v in uniform.items()},
         dict(zip(uniform, ".54820734 .71072592 .85743391 .92159916 .99106738".split()))),
        ({n: v["ddpm_variance_fixed_large"] for n, v in uniform.items()}, dict.fromkeys(uniform, ".99990000")),
        *[(dict(enumerate(found["embeddings"][i]["values"])), dict(enumerate(texts.split()))) for i, texts in [
            (1, "-.643538133 .989274687 .079629689 .003699992 .765414052 -.146067086 .996824514 .999993155"),
            (2, ".765414052 -.848100032 .932327346 .999315578 -.643538133 -.529836141 .361615432 .036991558")]],
    ]
    for values, texts in pairs:
        for key, text in texts.items():
            mantissa, _, exponent = text.partition("e")
            unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
            assert abs(values[key] - float(text)) <= 0.51 * unit, (key, values[key], text)
    assert found["spacings"]["uniform"]["10"] == found["spacings"]["leading"]["10"] == list(range(900, -1, -100))
    assert found["spacings"]["trailing"]["10"] == list(range(999, 0, -100))
    assert found["spacings"]["linspace"]["10"] == list(range(999, -1, -111))
    assert found["spacings"]["quad"]["10"] == [800, 632, 483, 355, 246, 158, 88, 39, 9, 0]


def make_safetensors():
    folder = DATA / "safetensors"
    folder.mkdir()
    values = [-1.5, 0.0, 0.333251953125, 2.0, -65504.0, 6.103515625e-05]
    whole = [-2**31, -1, 0, 1, 7, 2**31 - 1]
    files = {
        "dtypes": ({"f64": torch.tensor(values, dtype=torch.float64) / 3, "f32": torch.tensor(values) / 3,
                    "f16": torch.tensor(values).half(), "bf16": torch.tensor(values).bfloat16(),
                    "i64": torch.tensor([-2**63, 2**53 + 1, -1, 0, 1, 2**63 - 1]), "i32": torch.tensor(whole).int(),
                    "u8": torch.tensor([0, 1, 2, 127, 128, 255]).byte(),
                    "bool": torch.tensor([True, False, True, True, False, False])}, {"format": "pt"}),
        "shapes": ({"scalar": torch.tensor(2.5), "scalar_i64": torch.tensor(-3), "one": torch.tensor([[[4.0]]]),
                    "empty": torch.zeros(0), "empty_middle": torch.zeros(2, 0, 3),
                    "odd_u8": torch.tensor([1, 2, 3]).byte(), "cube": torch.arange(24.0).reshape(2, 3, 4)}, None),
        "metadata": ({"weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}, {"note": 'quotes " and \\ and é, 日本\n'}),
    }
    expected = {}
    for name, (tensors, metadata) in files.items():
        tensors = {k: v.reshape(2, 3) if name == "dtypes" else v for k, v in tensors.items()}
        save_file(tensors, folder / f"{name}.safetensors", metadata)
        names = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
                 torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}
        expected[f"{name}.safetensors"] = {"metadata": metadata or {}, "tensors": {
            k: {"dtype": names[v.dtype], "shape": list(v.shape), "values": v.flatten().tolist()}
            for k, v in tensors.items()}}
    write_json(folder / "expected.json", expected)


def make_cifar_keys():
    with torch.device("meta"):
        model = UNet2DModel(
            sample_size=32, block_out_channels=[128, 256, 256, 256], layers_per_block=2, attention_head_dim=None,
            down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
            up_block_types=["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
            downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6)
    assert sum(p.numel() for p in model.parameters()) == 35_746_307
    write_json(DATA / "ddpm_cifar_keys.json",
               sorted(f"{name} {list(p.shape)}" for name, p in model.named_parameters()))
