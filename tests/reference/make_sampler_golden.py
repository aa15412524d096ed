"""Writes tests/data/samplers: whole runs of diffusers' schedulers on a small random U-Net.

Each case is a scheduler's own config, the timesteps, what the network was given at every call, and where the run ended.
Where diffusers has no scheduler for a sampler, or one that is wrong, the reference is a plain loop over the published
formulas, below. See README.md; run after make_golden.py with the same environment:

    python tests/reference/make_sampler_golden.py
"""

import inspect
import json
import math
import textwrap
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DEISMultistepScheduler, DPMSolverMultistepScheduler,
                       EDMDPMSolverMultistepScheduler, EDMEulerScheduler, EulerAncestralDiscreteScheduler,
                       EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler, HeunDiscreteScheduler, UNet2DModel,
                       UniPCMultistepScheduler)
from diffusers.schedulers import (scheduling_ddpm, scheduling_dpmsolver_multistep, scheduling_edm_dpmsolver_multistep,
                                  scheduling_euler_ancestral_discrete)
from safetensors.torch import save_file

DATA = Path(__file__).resolve().parent.parent / "data"
UNET = "bfloat16_class"
PREDICTIONS = ["epsilon", "sample", "v_prediction"]
STEPS = 10
# The last alpha is 0.13: with the usual 0.006 the random network's first answer, divided by it, would hide the others.
BETA_END = 0.008


def fixed_third_order():
    """diffusers' third-order sde-dpmsolver++ with the sign of one term put right (methods: must vanish as h does)."""
    function = DPMSolverMultistepScheduler.multistep_dpm_solver_third_order_update
    source = textwrap.dedent(inspect.getsource(function))
    wrong = "(2.0 * h) ** 2 - 0.5"
    assert source.count(wrong) == 1, "diffusers has changed: look whether it is still wrong"
    scope = dict(vars(scheduling_dpmsolver_multistep))
    exec(source.replace(wrong, "(2.0 * h) ** 2 + 0.5"), scope)
    return scope[function.__name__]


class FixedDPMSolver(DPMSolverMultistepScheduler):
    multistep_dpm_solver_third_order_update = fixed_third_order()


def with_exact_betas(scheduler):
    """The linear schedule in float64; diffusers has float32, which moves the levels of grids by 1e-5."""
    config = scheduler.config
    other = config.get("trained_betas") or config.get("rescale_betas_zero_snr")
    if config.get("beta_schedule") == "linear" and not other:
        betas = np.linspace(config.beta_start, config.beta_end, config.num_train_timesteps)
        scheduler.alphas_cumprod = torch.tensor(np.cumprod(1 - betas))
        if not config.get("set_alpha_to_one", True):
            scheduler.final_alpha_cumprod = scheduler.alphas_cumprod[0]


def fractional(scheduler):
    """The timesteps that belong to the noise levels of a grid; diffusers' solvers round them and keep the levels."""
    alphas_cumprod = scheduler.alphas_cumprod.double().numpy()
    log_sigmas = np.log(((1 - alphas_cumprod) / alphas_cumprod) ** 0.5)
    sigmas = scheduler.sigmas[:len(scheduler.timesteps)].double().numpy()
    scheduler.timesteps = torch.tensor(np.interp(np.log(sigmas), log_sigmas, np.arange(len(log_sigmas))),
                                       dtype=torch.float32)


class Recorder:
    """The U-Net with what it is given and told."""

    def __init__(self, unet, labels):
        self.unet, self.labels, self.inputs, self.times = unet, labels, [], []

    def __call__(self, x, t):
        self.inputs.append(x.clone())
        self.times.append(float(t))
        return self.unet(x, torch.as_tensor([float(t)]), self.labels).sample


def start_of(scheduler, noise):
    scale = float(scheduler.sigmas[0]) if hasattr(scheduler, "sigmas") else 1.0
    if isinstance(scheduler, (EDMEulerScheduler, EDMDPMSolverMultistepScheduler)):
        return noise * scale
    if isinstance(scheduler, (EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, HeunDiscreteScheduler)):
        return noise * math.sqrt(scale * scale + 1)  # x of unit variance, as the others start
    return noise


@torch.no_grad()
def run(scheduler, network, noise, variance_noise):
    """diffusers' own loop; noise of step i is variance_noise[i]."""
    x = start_of(scheduler, noise)
    step = {"i": 0}
    for module in (scheduling_ddpm, scheduling_edm_dpmsolver_multistep, scheduling_euler_ancestral_discrete):
        module.randn_tensor = lambda *_, **__: variance_noise[step["i"]]
    takes_noise = "variance_noise" in inspect.signature(scheduler.step).parameters
    for i, t in enumerate(scheduler.timesteps):
        step["i"] = i
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        out = network(scaled, t)
        x = scheduler.step(out, t, x, **({"variance_noise": variance_noise[i]} if takes_noise else {})).prev_sample
    return x


def cases():
    """name -> (scheduler, whether its grid needs fractional timesteps)"""
    for prediction in PREDICTIONS:
        p = dict(prediction_type=prediction, beta_end=BETA_END)
        trailing = dict(timestep_spacing="trailing", **p)
        yield f"ddpm-{prediction}", DDPMScheduler(**trailing, variance_type="fixed_small", clip_sample=False), False
        yield f"ddpm-large-{prediction}", DDPMScheduler(**p, variance_type="fixed_large"), False
        yield f"ddim-{prediction}", DDIMScheduler(**trailing, clip_sample=False), False
        yield f"euler-{prediction}", EulerDiscreteScheduler(**trailing), False
        if prediction != "sample":  # which diffusers has not
            yield f"euler-ancestral-{prediction}", EulerAncestralDiscreteScheduler(**trailing), False
        yield f"heun-{prediction}", HeunDiscreteScheduler(**trailing, beta_start=1e-4), False
        for order in (1, 2, 3):
            yield f"dpmpp-{order}-{prediction}", DPMSolverMultistepScheduler(**trailing, solver_order=order), False
            yield (f"dpmpp-sde-{order}-{prediction}",
                   FixedDPMSolver(**trailing, solver_order=order, algorithm_type="sde-dpmsolver++"), False)
            yield f"unipc-{order}-{prediction}", UniPCMultistepScheduler(**trailing, solver_order=order), False
            yield f"deis-{order}-{prediction}", DEISMultistepScheduler(**trailing, solver_order=order), False
        yield f"dpmpp-karras-{prediction}", DPMSolverMultistepScheduler(**p, use_karras_sigmas=True), True
        yield f"dpmpp-lu-{prediction}", DPMSolverMultistepScheduler(**p, use_lu_lambdas=True), True
    mild = dict(beta_end=BETA_END)
    trailing = dict(timestep_spacing="trailing", **mild)
    leading = dict(timestep_spacing="leading", **mild)
    zero_snr = dict(rescale_betas_zero_snr=True, timestep_spacing="trailing", prediction_type="v_prediction")
    betas = np.linspace(0.01, 0.1, 100).tolist()
    yield "ddim-scaled-linear", DDIMScheduler(beta_schedule="scaled_linear", timestep_spacing="leading",
                                              thresholding=True, sample_max_value=2.0), False
    yield "ddim-not-to-one", DDIMScheduler(**leading, set_alpha_to_one=False), False
    yield "ddim-zero-snr", DDIMScheduler(**zero_snr, clip_sample=False), False
    yield "ddpm-sigmoid", DDPMScheduler(beta_schedule="sigmoid", timestep_spacing="trailing"), False
    yield "ddpm-betas", DDPMScheduler(trained_betas=betas, num_train_timesteps=100, timestep_spacing="trailing"), False
    yield "heun-karras", HeunDiscreteScheduler(use_karras_sigmas=True, clip_sample=True), False
    yield "euler-karras", EulerDiscreteScheduler(**mild, use_karras_sigmas=True), False
    yield "dpmpp-linspace", DPMSolverMultistepScheduler(**mild), False
    yield "dpmpp-leading", DPMSolverMultistepScheduler(**leading, steps_offset=1), False
    yield "dpmpp-heun", DPMSolverMultistepScheduler(**trailing, solver_type="heun"), False
    yield "dpmpp-thresholding", DPMSolverMultistepScheduler(thresholding=True, sample_max_value=1.5), False
    yield "dpmpp-full-order", DPMSolverMultistepScheduler(**mild, lower_order_final=False, solver_order=3), False
    yield "dpmpp-zero-snr", DPMSolverMultistepScheduler(**zero_snr), False
    yield "dpmpp-sigma-min", DPMSolverMultistepScheduler(**mild, final_sigmas_type="sigma_min"), False
    yield "unipc-bh1", UniPCMultistepScheduler(**mild, solver_type="bh1", solver_order=3,
                                               final_sigmas_type="sigma_min"), False
    yield "unipc-leading", UniPCMultistepScheduler(**leading), False
    fractional_linspace = dict(num_train_timesteps=500, beta_start=1e-4, beta_end=2 * BETA_END)
    yield "euler-linspace", EulerDiscreteScheduler(**fractional_linspace), False
    yield "euler-ancestral-linspace", EulerAncestralDiscreteScheduler(**fractional_linspace), False
    yield "heun-linspace", HeunDiscreteScheduler(**fractional_linspace), False
    yield "euler-karras-leading", EulerDiscreteScheduler(**leading, steps_offset=1, use_karras_sigmas=True), False
    yield "heun-exponential-trailing", HeunDiscreteScheduler(**trailing, use_exponential_sigmas=True), False
    yield "deis-karras", DEISMultistepScheduler(**mild, use_karras_sigmas=True), True
    yield "unipc-karras-sigma-min", UniPCMultistepScheduler(**mild, use_karras_sigmas=True, solver_order=3,
                                                            final_sigmas_type="sigma_min"), True
    yield "dpmpp-karras-sigma-min", DPMSolverMultistepScheduler(**mild, use_karras_sigmas=True,
                                                                final_sigmas_type="sigma_min"), True
    yield "edm-euler", EDMEulerScheduler(), False
    yield "edm-exponential", EDMEulerScheduler(sigma_schedule="exponential", sigma_data=0.7, sigma_max=20.0), False
    for order in (2, 3):
        yield f"edm-dpmpp-{order}", EDMDPMSolverMultistepScheduler(solver_order=order), False
    yield "edm-dpmpp-sde", EDMDPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++"), False
    yield "flow-euler", FlowMatchEulerDiscreteScheduler(), False
    yield "flow-karras", FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True), False


def ends_idly(scheduler):
    """Whether the last call is for a step without length, which ours leaves out; UniPC's corrector needs it."""
    sigmas = getattr(scheduler, "sigmas", torch.tensor([1.0, 0.0]))
    return is_multistep(scheduler) and sigmas[-1] == sigmas[-2]


def is_multistep(scheduler):
    return isinstance(scheduler, (DEISMultistepScheduler, DPMSolverMultistepScheduler))


@torch.no_grad()
def ddim_from_list(network, noise, timesteps):
    """Song et al. 2021, equation 12, from each timestep of the list to the next, and at last to the clean image."""
    alpha_bar = np.append(np.cumprod(1 - np.linspace(1e-4, BETA_END, 1000)), 1.0)
    x = noise
    for t, following in zip(timesteps, timesteps[1:] + [-1]):
        eps = network(x, t)
        x0 = (x - math.sqrt(1 - alpha_bar[t]) * eps) / math.sqrt(alpha_bar[t])
        x = math.sqrt(alpha_bar[following]) * x0 + math.sqrt(1 - alpha_bar[following]) * eps
    return x


class Levels:
    """Trailing levels of the linear schedule, for loops over formulas; the network predicts noise."""

    def __init__(self):
        alpha_bar = np.cumprod(1 - np.linspace(1e-4, BETA_END, 1000))
        self.t = [1000 - i * 1000 // STEPS - 1 for i in range(STEPS)]
        self.alpha = [math.sqrt(alpha_bar[t]) for t in self.t] + [1.0]
        self.ratio = [math.sqrt(1 - alpha_bar[t]) / math.sqrt(alpha_bar[t]) for t in self.t] + [0.0]
        self.log_ratios = 0.5 * np.log((1 - alpha_bar) / alpha_bar)

    def time(self, ratio):
        return float(np.interp(math.log(ratio), self.log_ratios, np.arange(1000)))


@torch.no_grad()
def ipndm(network, noise, order):
    """Zhang and Chen 2023, improved PNDM: Adams-Bashforth of fixed weights on eps in sigma / alpha; at last Euler."""
    levels, y, slopes = Levels(), None, []
    y = noise / levels.alpha[0]
    weights = [[1], [1.5, -0.5], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]
    for i, t in enumerate(levels.t):
        slopes = [network(y * levels.alpha[i], t)] + slopes
        used = weights[min(order, len(slopes), 4 if i + 1 < STEPS else 1) - 1]
        y = y + (levels.ratio[i + 1] - levels.ratio[i]) * sum(w * d for w, d in zip(used, slopes))
    return y


@torch.no_grad()
def deis_rho(network, noise, order):
    """Zhang and Chen 2023, rhoAB-DEIS: the polynomial through the last slopes, integrated by many small rectangles of
    Gauss-Legendre quadrature, which is exact for polynomials."""
    levels, slopes = Levels(), []
    y = noise / levels.alpha[0]
    points, weights = np.polynomial.legendre.leggauss(8)
    for i, t in enumerate(levels.t):
        slopes = [network(y * levels.alpha[i], t)] + slopes
        count = min(order, len(slopes), STEPS - i)
        nodes = [levels.ratio[i - k] for k in range(count)]
        start, end = levels.ratio[i], levels.ratio[i + 1]
        at = (end - start) / 2 * points + (end + start) / 2
        for k in range(count):
            basis = np.prod([(at - nodes[j]) / (nodes[k] - nodes[j]) for j in range(count) if j != k], axis=0)
            y = y + float(np.sum(weights * basis) * (end - start) / 2) * slopes[k]
    return y


@torch.no_grad()
def heun_churn(network, noise, variance_noise, churn, s_noise):
    """Karras et al. 2022, algorithm 2, in sigma / alpha of the VP process."""
    levels = Levels()
    y = noise / levels.alpha[0]
    slope = lambda y, r: network(y / math.sqrt(1 + r * r), levels.time(r))
    for i in range(STEPS):
        ratio, end = levels.ratio[i], levels.ratio[i + 1]
        raised = ratio * (1 + min(churn / STEPS, math.sqrt(2) - 1))
        y = y + math.sqrt(raised**2 - ratio**2) * s_noise * variance_noise[i]
        first = slope(y, raised)
        after = y + (end - raised) * first
        y = after if end == 0 else y + (end - raised) * (first + slope(after, end)) / 2
    return y


def main():
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    torch.manual_seed(0)
    unet = UNet2DModel.from_pretrained(DATA / "unet" / UNET / "unet").eval()
    size = unet.config.sample_size
    noise = torch.randn(1, unet.config.in_channels, size, size)
    variance_noise = torch.randn(STEPS, *noise.shape)
    labels = torch.tensor([1])
    golden, settings = {"noise": noise, "variance_noise": variance_noise, "labels": labels}, {}

    def keep(name, network, final):
        assert final.isfinite().all(), name
        golden[f"{name}.inputs"], golden[f"{name}.final"] = torch.stack(network.inputs), final
        golden[f"{name}.times"] = torch.tensor(network.times, dtype=torch.float64)

    for name, scheduler, needs_fractions in cases():
        with_exact_betas(scheduler)
        scheduler.set_timesteps(STEPS)
        if needs_fractions:
            fractional(scheduler)
        network = Recorder(unet, labels)
        final = run(scheduler, network, noise, variance_noise)
        if ends_idly(scheduler):
            network.inputs.pop(), network.times.pop()
        keep(name, network, final)
        config = json.loads(scheduler.to_json_string())
        settings[name] = {k: v for k, v in config.items() if v is not None}
        if "_class_name" in settings[name]:
            settings[name]["_class_name"] = settings[name]["_class_name"].replace("FixedDPMSolver",
                                                                                  "DPMSolverMultistepScheduler")
    for order in (1, 2, 3, 4):
        network = Recorder(unet, labels)
        keep(f"ipndm-{order}", network, ipndm(network, noise, order))
        network = Recorder(unet, labels)
        keep(f"deis-rho-{order}", network, deis_rho(network, noise, order))
    network = Recorder(unet, labels)
    keep("heun-churn", network, heun_churn(network, noise, variance_noise, 3.0, 1.003))

    stride = DDIMScheduler(timestep_spacing="trailing", clip_sample=False, beta_end=BETA_END)
    with_exact_betas(stride)
    stride.set_timesteps(15)  # does not divide 1000: its previous timesteps are wrong
    golden["ddim-stride.final"] = run(stride, Recorder(unet, labels), noise, torch.zeros(15, *noise.shape))
    network = Recorder(unet, labels)
    keep("ddim-list", network, ddim_from_list(network, noise, stride.timesteps.tolist()))

    folder = DATA / "samplers"
    folder.mkdir(exist_ok=True)
    save_file({k: v.contiguous() for k, v in golden.items()}, folder / "golden.safetensors")
    (folder / "schedulers.json").write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")
    print(len(settings), "schedulers,", sum(f.stat().st_size for f in folder.iterdir()), "bytes in", folder)
    for name in settings:
        final = golden[f"{name}.final"]
        print(f"{name}: final max {final.abs().max():.2f}")


if __name__ == "__main__":
    main()
