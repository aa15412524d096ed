"""Makes the reference data in tests/data: what diffusers, safetensors and numpy compute, for our C++ to agree with.

    pip install torch==2.13.0 diffusers==0.42.1 safetensors==0.8.0 numpy==2.4.6
    python tests/reference/make_golden.py            # on the CPU, about ten seconds; overwrites tests/data

With the versions above, on CPython 3.11 and one thread, a second run writes the same bytes. README.md beside this file
describes what is written.
"""
import math
import shutil

import diffusers
import diffusers.schedulers.scheduling_ddpm as scheduling_ddpm
import numpy as np
import tables
import training
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import save_file
from tables import DATA, write_json

DDIM_STEPS, DDPM_STEPS = 20, 50  # both divide 1000: else diffusers' DDIM takes a previous step that is not in its list

DOWN, ATTN_DOWN, RES_DOWN = "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"
UP, ATTN_UP, RES_UP = "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"

# model: arguments of UNet2DModel. ddpm: arguments of DDPMScheduler (always spacing "leading": with "trailing" diffusers
# adds noise on its last step, as that step's t is not 0, and we do not). ddim: what differs from it in the DDIM run.
CASES = {
    "old_root": dict(  # google/ddpm-*: all files in the root, config of 0.0.4, no attention_head_dim (which means 8)
        layout="old", dtype=torch.float32, size=(8, 8),
        model=dict(in_channels=3, out_channels=3, block_out_channels=[8, 16], down_block_types=[DOWN, ATTN_DOWN],
                   up_block_types=[ATTN_UP, UP], layers_per_block=2, downsample_padding=0, flip_sin_to_cos=False,
                   freq_shift=1, norm_eps=1e-6, norm_num_groups=4),
        ddpm=dict(variance_type="fixed_large"), ddim=dict(eta=0.0, timestep_spacing="leading", clip_sample=False)),
    "grey_attention": dict(
        layout="pipeline", dtype=torch.float32, size=(8, 8),
        model=dict(in_channels=1, out_channels=1, block_out_channels=[8, 8, 12],
                   down_block_types=[DOWN, ATTN_DOWN, ATTN_DOWN], up_block_types=[ATTN_UP, ATTN_UP, UP],
                   layers_per_block=1, attention_head_dim=None, dropout=0.1, norm_num_groups=4),
        ddpm=dict(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction"),
        ddim=dict(eta=0.0, timestep_spacing="trailing", clip_sample=False)),
    "resnet_blocks": dict(  # scale_shift without attn_norm_num_groups: no group norm in the middle attention
        layout="pipeline", dtype=torch.float32, size=(8, 8),
        model=dict(in_channels=3, out_channels=3, block_out_channels=[8, 12], down_block_types=[RES_DOWN, RES_DOWN],
                   up_block_types=[RES_UP, RES_UP], layers_per_block=1, freq_shift=1, attention_head_dim=4,
                   resnet_time_scale_shift="scale_shift", norm_num_groups=4),
        ddpm=dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False),
        ddim=dict(eta=0.5, timestep_spacing="leading", clip_sample=False)),
    "class_scale_shift": dict(
        layout="pipeline", dtype=torch.float32, size=(8, 8),
        model=dict(in_channels=3, out_channels=3, block_out_channels=[8, 12], down_block_types=[ATTN_DOWN, ATTN_DOWN],
                   up_block_types=[ATTN_UP, ATTN_UP], layers_per_block=1, downsample_type="resnet",
                   upsample_type="resnet", resnet_time_scale_shift="scale_shift", attn_norm_num_groups=2,
                   attention_head_dim=4, mid_block_scale_factor=1.4142135, center_input_sample=True,
                   num_class_embeds=5, norm_num_groups=4),
        ddpm=dict(prediction_type="sample", variance_type="fixed_large", clip_sample=False),
        ddim=dict(eta=0.0, timestep_spacing="trailing", clip_sample=True)),
    "bare_wide": dict(  # no scheduler, not square, more channels out than in: no trajectories
        layout="bare", dtype=torch.float32, size=(8, 16),
        model=dict(in_channels=3, out_channels=6, block_out_channels=[8, 12], down_block_types=[ATTN_DOWN, DOWN],
                   up_block_types=[UP, ATTN_UP], layers_per_block=1, downsample_padding=0, downsample_type="conv",
                   upsample_type="resnet", add_attention=False, mid_block_scale_factor=2.0, attention_head_dim=None,
                   attn_norm_num_groups=4, norm_eps=1e-6, norm_num_groups=2)),
    "float16": dict(  # weights in diffusion_pytorch_model.fp16.safetensors (variant="fp16")
        layout="pipeline", dtype=torch.float16, variant="fp16", size=(16, 16),
        model=dict(in_channels=1, out_channels=1, block_out_channels=[8, 8], down_block_types=[DOWN, DOWN],
                   up_block_types=[UP, UP], layers_per_block=1, flip_sin_to_cos=False, freq_shift=0,
                   attention_head_dim=2, norm_num_groups=2),
        ddpm=dict(beta_schedule="squaredcos_cap_v2", prediction_type="epsilon", variance_type="fixed_small"),
        ddim=dict(eta=0.0, timestep_spacing="leading", clip_sample=True)),
    "bfloat16_class": dict(
        layout="pipeline", dtype=torch.bfloat16, size=(8, 8),
        model=dict(in_channels=1, out_channels=1, block_out_channels=[8, 12], down_block_types=[DOWN, ATTN_DOWN],
                   up_block_types=[ATTN_UP, UP], layers_per_block=1, attention_head_dim=6, num_class_embeds=3,
                   center_input_sample=True, attn_norm_num_groups=6, norm_num_groups=4),
        ddpm=dict(prediction_type="v_prediction", variance_type="fixed_small"),
        ddim=dict(eta=1.0, timestep_spacing="trailing", clip_sample=True)),
    "mixed_tall": dict(
        layout="pipeline", dtype=torch.float32, size=(16, 8),
        model=dict(in_channels=1, out_channels=1, block_out_channels=[8, 8, 12],
                   down_block_types=[RES_DOWN, ATTN_DOWN, DOWN], up_block_types=[UP, ATTN_UP, RES_UP],
                   layers_per_block=2, downsample_type="resnet", upsample_type="conv", dropout=0.2,
                   attention_head_dim=8, mid_block_scale_factor=0.5, norm_eps=1e-6, norm_num_groups=4),
        ddpm=dict(beta_schedule="scaled_linear", variance_type="fixed_small", clip_sample=True),
        ddim=dict(eta=0.0, timestep_spacing="leading", clip_sample=False)),
}


def randomise(model, x, timesteps, labels):
    """Weights with which every layer matters and the output has a standard deviation of 1."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn_like(p)
            if p.ndim == 1:
                p.copy_(0.3 * noise + (1.0 if "norm" in name and name.endswith("weight") else 0.0))
            else:
                p.copy_(noise if name.startswith("class_embedding") else noise / math.sqrt(p[0].numel()))
        scale = model(x, timesteps, labels).sample.std()
        model.conv_out.weight /= scale
        model.conv_out.bias /= scale
    (model(x, timesteps, labels).sample * torch.randn(1, model.config.out_channels, *x.shape[2:])).sum().backward()
    for name, p in model.named_parameters():  # softmax does not see a constant: to_k.bias never matters
        assert name.endswith("to_k.bias") or p.grad.norm() * p.norm() > 0.05, f"{name} does not matter"


def save_old(model, scheduler, folder):
    """The layout and the files of google/ddpm-cifar10-32, as diffusers 0.0.4 wrote them."""
    folder.mkdir(parents=True)
    old_names = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    weights = {}
    for name, tensor in model.state_dict().items():
        for new, old in old_names.items():
            name = name.replace(new, old)
        weights[name] = tensor
    save_file(weights, folder / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    newer = {"add_attention", "attention_head_dim", "attn_norm_num_groups", "class_embed_type", "downsample_type",
             "dropout", "mid_block_type", "num_class_embeds", "num_train_timesteps", "resnet_time_scale_shift",
             "time_embedding_dim", "upsample_type"}
    config = {k: v for k, v in model.config.items() if k not in newer and not k.startswith("_")}
    write_json(folder / "config.json", {"_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", **config})
    old = ["num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "variance_type",
           "clip_sample"]
    write_json(folder / "scheduler_config.json", {"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1",
                                                  **{k: scheduler.config[k] for k in old}})
    write_json(folder / "model_index.json", {"_class_name": "DDPMPipeline", "_diffusers_version": "0.1.1",
                                             "scheduler": ["diffusers", "DDPMScheduler"],
                                             "unet": ["diffusers", "UNet2DModel"]})


def expected_states(model, scheduler, x, labels, timesteps, noise, eta):
    """The trajectory by our rules: schedule in float64, previous step from the list, no noise on the last step.

    eta None is DDPM. Used only to prove that the chosen cases are ones where diffusers follows the same rules.
    """
    config, states = scheduler.config, []
    alpha_bar = np.cumprod(1 - tables.betas(config.beta_schedule, 1000, config.beta_start, config.beta_end))
    for i, t in enumerate(timesteps.tolist()):
        last = i + 1 == len(timesteps)
        a, p = alpha_bar[t], 1.0 if last else alpha_bar[timesteps[i + 1]]
        out = model(x, t, labels).sample
        kind = config.prediction_type
        x0 = {"epsilon": (x - math.sqrt(1 - a) * out) / math.sqrt(a), "sample": out,
              "v_prediction": math.sqrt(a) * x - math.sqrt(1 - a) * out}[kind]
        eps = {"epsilon": out, "sample": (x - math.sqrt(a) * out) / math.sqrt(1 - a),
               "v_prediction": math.sqrt(a) * out + math.sqrt(1 - a) * x}[kind]
        x0 = x0.clamp(-1, 1) if config.clip_sample else x0
        small = (1 - p) / (1 - a) * (1 - a / p)
        if eta is None:
            variance = 1 - a / p if config.variance_type == "fixed_large" else small
            x = math.sqrt(p) * (1 - a / p) / (1 - a) * x0 + math.sqrt(a / p) * (1 - p) / (1 - a) * x
        else:
            variance = eta * eta * small
            x = math.sqrt(p) * x0 + math.sqrt(1 - p - variance) * eps
        if not last and noise is not None:
            x = x + math.sqrt(variance) * noise[i]
        states.append(x)
    return states


@torch.no_grad()
def trajectory(model, scheduler, steps, images, labels, eta):
    """diffusers' own loop. Its noise [S, N, C, H, W] is what it drew; the last row has no effect."""
    scheduler.set_timesteps(steps)
    shape = (images, model.config.in_channels, *np.broadcast_to(model.config.sample_size, 2).tolist())
    start = x = torch.randn(shape)
    noise = torch.randn(steps, *shape) if eta is None or eta > 0 else None
    states, kept = [], [1, steps // 4, steps // 2, steps - 1]
    for i, t in enumerate(scheduler.timesteps):
        out = model(x, t, labels).sample
        if eta is None:
            scheduling_ddpm.randn_tensor = lambda *_, **__: noise[i]
            x = scheduler.step(out, t, x).prev_sample
        else:
            x = scheduler.step(out, t, x, eta=eta, variance_noise=None if noise is None else noise[i]).prev_sample
        states.append(x)
    ours = expected_states(model, scheduler, start, labels, scheduler.timesteps, noise, eta)
    error = max(((a - b).abs().max() / b.abs().max()).item() for a, b in zip(ours, states))
    assert error < 2e-5, f"diffusers' rules differ from ours, or the case is chaotic: {error}"
    tensors = {"x_T": start, "timesteps": scheduler.timesteps, "state_steps": torch.tensor(kept),
               "states": torch.stack([states[k - 1] for k in kept]), "final": x}
    tensors |= {} if noise is None else {"noise": noise}
    tensors |= {} if labels is None else {"labels": labels}
    return tensors, error


def make_unet(name, case, seed):
    torch.manual_seed(seed)
    folder, (height, width), classes = DATA / "unet" / name, case["size"], case["model"].get("num_class_embeds")
    x = torch.randn(2, case["model"]["in_channels"], height, width)
    timesteps = torch.randint(100, (2,)) + torch.tensor([0, 900])
    labels = torch.tensor([0, classes - 1]) if classes else None
    model = UNet2DModel(**case["model"], sample_size=height if height == width else [height, width]).eval()
    randomise(model, x, timesteps, labels)
    model.to(case["dtype"])

    scheduler = DDPMScheduler(**case.get("ddpm", {}))
    where = dict(variant=case["variant"]) if "variant" in case else {}
    if case["layout"] == "old":
        save_old(model, scheduler, folder)
    elif case["layout"] == "bare":
        model.save_pretrained(folder)
    else:
        DDPMPipeline(model, scheduler).save_pretrained(folder, **where)
    if case["layout"] != "bare":  # what follows uses what diffusers makes of the files, not what was saved
        pipeline = DDPMPipeline.from_pretrained(folder, **where)
        loaded, scheduler = pipeline.unet, pipeline.scheduler
    else:
        loaded = UNet2DModel.from_pretrained(folder)
    assert not loaded.training and loaded.dtype == torch.float32
    assert all(torch.equal(p.float(), q) for p, q in zip(model.state_dict().values(), loaded.state_dict().values()))

    golden, settings, errors = {"x": x, "timesteps": timesteps, "y": loaded(x, timesteps, labels).sample}, {}, []
    golden |= {} if labels is None else {"labels": labels}
    if "ddim" in case:
        overrides = {k: v for k, v in case["ddim"].items() if k != "eta"}
        runs = {"ddim": (DDIMScheduler.from_config(scheduler.config, **overrides), DDIM_STEPS, case["ddim"]["eta"]),
                "ddpm": (scheduler, DDPM_STEPS, None)}
        for run, (runner, steps, eta) in runs.items():
            images = 1 if eta is None or eta > 0 else 2
            given = None if labels is None else labels[-images:]
            tensors, error = trajectory(loaded, runner, steps, images, given, eta)
            golden |= {f"{run}.{key}": value for key, value in tensors.items()}
            errors.append(f"{run} {error:.1e}")
            keys = ["num_train_timesteps", "beta_schedule", "beta_start", "beta_end", "prediction_type", "clip_sample",
                    "timestep_spacing"]
            settings[run] = {"steps": steps, **{key: runner.config[key] for key in keys},
                             **({"variance_type": runner.config.variance_type} if eta is None else {"eta": eta})}
    golden = {k: v.clone(memory_format=torch.contiguous_format) for k, v in golden.items()}
    save_file(golden, folder / "golden.safetensors")
    write_json(folder / "golden.json", settings)
    print(f"{name}: {model.num_parameters()} parameters, output std {golden['y'].std():.3f},", *errors)


def main():
    torch.set_num_threads(1)
    diffusers.logging.set_verbosity_error()
    diffusers.logging.disable_progress_bar()
    for part in ("unet", "safetensors"):
        shutil.rmtree(DATA / part, ignore_errors=True)
    tables.make_schedules()
    tables.make_safetensors()
    tables.make_cifar_keys()
    training.make_training()
    for seed, (name, case) in enumerate(CASES.items(), 1):
        make_unet(name, case, seed)
    print(sum(f.stat().st_size for f in DATA.rglob("*") if f.is_file()), "bytes in", DATA)


if __name__ == "__main__":
    main()
