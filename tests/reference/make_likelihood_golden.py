"""Writes tests/data/likelihood.json: bits per dimension of small random U-Nets, by diffusers' networks in float64,
torch's autograd and SciPy's integrator, with the program's counted random numbers written anew in numpy.

    pip install scipy==1.17.1      # beside the environment of make_golden.py, and after it
    python tests/reference/make_likelihood_golden.py        # about a minute

Every number is of images that are written with it. `bound`: the variational bound and its parts. `ode`: the likelihood
of the probability-flow ODE with the exact trace (all of the Jacobian) or with Hutchinson's estimate, by that many steps of
Heun's method, or if `heun` is 0 by SciPy's RK45.
"""
import math

import numpy as np
import torch
from diffusers import UNet2DModel
from scipy.integrate import solve_ivp
from tables import DATA, betas, write_json

T = 1000
SEED = 40
NOISE, STEP, DEQUANTISATION, PROBE = 40, 41, 42, 43


def philox(counter, key):
    """Philox4x32-10 of many counters [4, n]; Salmon et al., 2011."""
    c, (k0, k1) = [x.astype(np.uint64) for x in counter], key
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(right >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), right & low,
             (left >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), left & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def words(seed, purpose, index, count):
    blocks = np.arange((count + 3) // 4)
    full = np.full_like(blocks, 1)
    c = philox([blocks, full * (index & 0xFFFFFFFF), full * (index >> 32), full * purpose],
               (seed & 0xFFFFFFFF, seed >> 32))
    return np.stack(c, 1).reshape(-1)


def uniform(seed, purpose, index, count):
    return (words(seed, purpose, index, count)[:count] >> np.uint64(8)).astype(np.float64) * 2.0**-24


def unit(seed, purpose, index):
    w = words(seed, purpose, index, 4)
    return float((int(w[1]) << 32 | int(w[0])) >> 11) * 2.0**-53


def normal(seed, purpose, index, count):
    w = words(seed, purpose, index, count)
    radius = np.sqrt(-2 * np.log((w[0::2].astype(np.float64) + 0.5) * 2.0**-32))
    angle = 2 * np.pi * (w[1::2] >> np.uint64(8)).astype(np.float64) * 2.0**-24
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:count]


def load(name, classes):
    folder = DATA / "unet" / name
    net = UNet2DModel.from_pretrained(folder / "unet" if (folder / "unet").exists() else folder).eval().double()
    net.requires_grad_(False)
    labels = torch.arange(2) % classes if classes else None
    height, width = np.broadcast_to(net.config.sample_size, 2).tolist()
    pixels = torch.randint(256, (2, net.config.in_channels, height, width), generator=torch.Generator().manual_seed(7))
    pixels[0, 0, 0, :2] = torch.tensor([0, 255])  # both open bins
    return net, labels, pixels


def cdf(z):
    return 0.5 * torch.erfc(-z / math.sqrt(2))


def pixel_nll(x, mean, deviation):
    above, below = cdf((x + 1 / 255 - mean) / deviation), cdf((x - 1 / 255 - mean) / deviation)
    above, below = torch.where(x > 0.999, 1.0, above), torch.where(x < -0.999, 0.0, below)
    return -torch.log((above - below).clamp(min=1e-12))


def bits(nats):
    return (nats.flatten(1).mean(1) / math.log(2)).tolist()


def read(kind, a, x, out):
    """x0 by prediction type; a is alpha-bar."""
    return {"epsilon": (x - math.sqrt(1 - a) * out) / math.sqrt(a), "sample": out,
            "v_prediction": math.sqrt(a) * x - math.sqrt(1 - a) * out}[kind]


def log_deviations(alpha_bar, i):
    """log variance of the posterior (step 0 has that of step 1) and log beta."""
    def beta(j):
        return 1 - alpha_bar[j] / (alpha_bar[j - 1] if j else 1.0)

    j = max(i, 1)
    return math.log(beta(j) * (1 - alpha_bar[j - 1]) / (1 - alpha_bar[j])), math.log(beta(i))


@torch.no_grad()
def term(net, labels, x0, i, kept, alpha_bar, case, seed):
    """L_i of one image [1, C, H, W], for the chain `kept` with `alpha_bar` of its timesteps."""
    now, before = alpha_bar[i], alpha_bar[i - 1] if i else 1.0
    alpha, beta = now / before, 1 - now / before
    eps = torch.from_numpy(normal(seed, NOISE, i, x0.numel())).view(x0.shape)
    x = math.sqrt(now) * x0 + math.sqrt(1 - now) * eps
    out = net(x, torch.tensor([float(kept[i])]), labels).sample
    small, log_beta = log_deviations(alpha_bar, i)
    large = small if i == 0 else log_beta
    log_variance = torch.full_like(x0, small if case["variance"] == "fixed_small" else large)
    if case["variance"] == "learned_range":
        out, v = out.chunk(2, 1)
        log_variance = small + (v + 1) / 2 * (log_beta - small)
    guess = read(case["prediction_type"], now, x, out)
    guess = guess.clamp(-1, 1) if case["clip"] else guess

    def posterior(z):
        return (math.sqrt(before) * beta * z + math.sqrt(alpha) * (1 - before) * x) / (1 - now)

    if i == 0:
        return bits(pixel_nll(x0, posterior(guess), torch.exp(0.5 * log_variance)))[0]
    true = torch.distributions.Normal(posterior(x0), math.exp(0.5 * small))
    return bits(torch.distributions.kl_divergence(
        true, torch.distributions.Normal(posterior(guess), torch.exp(0.5 * log_variance))))[0]


def bound(case):
    net, labels, pixels = load(case["unet"], case["classes"])
    kept = np.rint(np.arange(case["steps"]) * (T - 1) / (case["steps"] - 1)).astype(int).tolist()
    alpha_bar = np.cumprod(1 - betas(case["beta_schedule"], T))[kept].tolist()
    x0 = pixels.double() / 127.5 - 1
    result = {"prior": [], "steps_bits": [], "decoder": [], "table": [[] for _ in kept]}
    for n in range(2):
        image, told = x0[n:n + 1], None if labels is None else labels[n:n + 1]
        others, parts = case["steps"] - 1, case["draws"] or case["steps"] - 1
        total = 0.0
        for part in range(parts):
            first, last = 1 + others * part // parts, 1 + others * (part + 1) // parts
            i = first if last - first == 1 else first + int(unit(SEED + n, STEP, part + 1) * (last - first))
            value = term(net, told, image, i, kept, alpha_bar, case, SEED + n)
            result["table"][i].append(value)
            total += value * (last - first)
        result["decoder"].append(term(net, told, image, 0, kept, alpha_bar, case, SEED + n))
        result["table"][0].append(result["decoder"][-1])
        result["steps_bits"].append(total)
        a = alpha_bar[-1]
        result["prior"] += bits(0.5 * (a * image**2 + (1 - a) - 1 - math.log(1 - a)))
    return {**case, "pixels": pixels.flatten().tolist(), **result}


def discrete_level(s, log_ratios):
    """(alpha, sigma, t) at the angle s; t between timesteps by the log of the ratio."""
    t = float(np.interp(math.log(math.tan(s)), log_ratios, np.arange(T)))
    return math.cos(s), math.sin(s), t


def velocity(case, net, labels, log_ratios):
    """dx/ds of one image, and where s begins and ends, alpha at the start, the scale of the noise at the end."""
    if case["process"] == "edm":
        data = 0.5

        def v(x, s):
            total = s * s + data * data
            out = net(x / math.sqrt(total), torch.tensor([math.log(s) / 4]), labels).sample
            x0 = data * data / total * x + s * data / math.sqrt(total) * out
            return (x - x0) / s
        return v, 0.002, 80.0, 1.0, 80.0
    if case["process"] == "flow":
        return lambda x, s: net(x, torch.tensor([s * T]), labels).sample, 1 / T, 1.0, 1 - 1 / T, 1.0

    def v(x, s):
        alpha, sigma, t = discrete_level(s, log_ratios)
        out = net(x, torch.tensor([t]), labels).sample
        x0 = read(case["prediction_type"], alpha * alpha, x, out)
        return alpha * (x - alpha * x0) / sigma - sigma * x0
    low, high = math.atan(math.exp(log_ratios[0])), math.atan(math.exp(log_ratios[-1]))
    return v, low, high, math.cos(low), 1.0


def heun(slope, low, high, y, steps, rho):
    grid = (low ** (1 / rho) + np.arange(steps + 1) / steps * (high ** (1 / rho) - low ** (1 / rho))) ** rho
    grid[0], grid[-1] = low, high
    for s, t in zip(grid[:-1], grid[1:]):
        first = slope(s, y)
        y = y + (t - s) / 2 * (first + slope(t, y + (t - s) * first))
    return y


def log_density(case, net, labels, x0, probes, log_ratios):
    copies = None if labels is None else labels.repeat(x0.numel() if probes is None else len(probes))
    v, low, high, alpha, scale = velocity(case, net, copies, log_ratios)
    shape, size = x0.shape, x0.numel()

    def slope(s, y):
        e = torch.eye(size, dtype=torch.float64).view(size, *shape[1:]) if probes is None else torch.cat(probes)
        x = torch.from_numpy(y[:size].copy()).view(shape).repeat(len(e), 1, 1, 1).requires_grad_()  # a copy for each e
        out = v(x, s)
        trace = (torch.autograd.grad(out, x, e)[0] * e).sum() / (1 if probes is None else len(e))
        return np.append(out[0].detach().numpy().reshape(-1), trace.item())

    start = np.append(alpha * x0.numpy().reshape(-1), 0.0)
    if case["heun"]:
        end = heun(slope, low, high, start, case["heun"], 7 if case["process"] == "edm" else 3)
    else:
        end = solve_ivp(slope, (low, high), start, rtol=1e-5, atol=1e-5).y[:, -1]
    z = end[:size] / scale
    return -0.5 * (z @ z) - 0.5 * size * math.log(2 * math.pi) - size * math.log(scale) + end[size] \
        + size * math.log(alpha)


def ode(case):
    net, labels, pixels = load(case["unet"], case["classes"])
    alpha_bar = np.cumprod(1 - betas(case["beta_schedule"], T))
    log_ratios = 0.5 * np.log((1 - alpha_bar) / alpha_bar)
    found = []
    for n in range(2):
        shape, size, total = (1, *pixels.shape[1:]), pixels[n].numel(), 0.0
        for repeat in range(case["repeats"]):
            u = torch.from_numpy(uniform(SEED + n, DEQUANTISATION, repeat, size)).view(shape)
            x0 = (pixels[n:n + 1] + u - 0.5) / 127.5 - 1
            probes = None
            if case["trace"] != "exact":
                draws = [normal if case["trace"] == "gaussian" else uniform for _ in range(case["probes"])]
                probes = [torch.from_numpy(draw(SEED + n, PROBE, repeat * case["probes"] + p, size)).view(shape)
                          for p, draw in enumerate(draws)]
                if case["trace"] == "rademacher":
                    probes = [torch.where(p < 0.5, -1.0, 1.0).double() for p in probes]
            told = None if labels is None else labels[n:n + 1]
            total += log_density(case, net, told, x0, probes, log_ratios) / case["repeats"]
        found.append(-total / (size * math.log(2)) + math.log2(127.5))
        print(case["process"], case["trace"], found[-1], flush=True)
    return {**case, "pixels": pixels.flatten().tolist(), "bits": found}


BOUNDS = [
    dict(unet="bfloat16_class", classes=3, prediction_type="v_prediction", beta_schedule="linear", steps=25, draws=0,
         variance="fixed_large", clip=True),
    dict(unet="bfloat16_class", classes=3, prediction_type="v_prediction", beta_schedule="linear", steps=25, draws=7,
         variance="fixed_small", clip=False),
    dict(unet="bare_wide", classes=0, prediction_type="epsilon", beta_schedule="linear", steps=12, draws=0,
         variance="learned_range", clip=True),
]
ODE = dict(unet="bfloat16_class", classes=3, prediction_type="v_prediction", beta_schedule="linear", repeats=1)
ODES = [dict(ODE, process=process, trace="exact", probes=1, heun=12) for process in ("discrete", "edm", "flow")]
ODES += [dict(ODE, process="discrete", trace="rademacher", probes=2, heun=12, repeats=2),
         dict(ODE, process="flow", trace="gaussian", probes=1, heun=0)]


def main():
    torch.set_num_threads(2)
    write_json(DATA / "likelihood.json", {"seed": SEED, "bound": [bound(c) for c in BOUNDS],
                                          "ode": [ode(c) for c in ODES]})


if __name__ == "__main__":
    main()
