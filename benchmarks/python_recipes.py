"""The Python side of compare_recipes.sh: trains a recipe on Fashion-MNIST with diffusers and draws images.

    python benchmarks/python_recipes.py RECIPE --minutes 5,30 [--images 1000] [--out runs/recipes]

Writes RECIPE-5m.npz, with `arr_0` uint8 [N, 28, 28, 1] and, if the recipe knows classes, `arr_1` with labels
0 to 9 in turn, and RECIPE-5m.json, which says how it was made. Minutes are of training steps alone: reading
the data, finding the fastest way to take a step, and drawing are not counted. A recipe whose learning rate
ends with the time is trained afresh for each of the times, `diffusers` once, as it is after 5 minutes and at
the end.

Recipes: `diffusers`, `v-prediction` and `edm`, see the classes below. `resized` trains nothing: test images on
the way that images of `diffusers` take, to 32x32 and back, for what that costs by itself.
"""
import argparse
import contextlib
import copy
import gzip
import json
import math
import os
import platform
import sys
import time

import diffusers
import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from PIL import Image

BATCH = 64
DRAW_BATCH = 100
CLASSES = 10
PLACES = ("/usr/share/datasets/fashion-mnist", "data/fashion-mnist")


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def read_idx(name, header):
    """The bytes of an IDX file after its header, from the first of the places that has it."""
    for place in PLACES:
        for file, open_ in ((f"{place}/{name}.gz", gzip.open), (f"{place}/{name}", open)):
            if os.path.exists(file):
                with open_(file, "rb") as stream:
                    return np.frombuffer(stream.read(), np.uint8, offset=header)
    sys.exit(f"python_recipes: no {name}.gz in {' or '.join(PLACES)}")


def read_split(split):
    """Images uint8 [N, 28, 28] and labels int64 [N]."""
    images = read_idx(f"{split}-images-idx3-ubyte", 16).reshape(-1, 28, 28)
    return images.copy(), read_idx(f"{split}-labels-idx1-ubyte", 8).astype(np.int64)


def resized(images, side):
    """Images uint8 [N, side, side] as torchvision's Resize makes them of PIL images, bilinear."""
    if images.shape[1] == side:
        return images
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side), Image.BILINEAR))
                     for image in images])


def to_uint8(x):
    """float32 [N, 1, H, W] in [-1, 1] to uint8 [N, H, W]."""
    return ((x[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()


class Diffusers:
    """diffusers' examples/unconditional_image_generation/train_unconditional.py with its defaults, EMA on.

    Epsilon, linear betas, AdamW 1e-4 with betas .95 and .999, clipping at 1. Its learning rate is a cosine
    over the steps of all its 100 epochs after 500 steps of warm-up, whatever the time, and so hardly falls in
    half an hour. Images are resized to 32x32 as there, and back to 28x28 for scoring, both bilinear. Drawn by
    DDIM, 50 steps. The net is smaller than the script's: that of small.yaml.
    """

    side, ends_with_time, conditional = 32, False, False
    sampler = "ddim, 50 steps"
    warmup, steps = 500, 100 * math.ceil(60000 / BATCH)

    def __init__(self):
        self.schedule = DDPMScheduler()

    def network(self):
        return UNet2DModel(sample_size=32, in_channels=1, out_channels=1, layers_per_block=2,
                           block_out_channels=(32, 64, 64),
                           down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
                           up_block_types=("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"))

    def optimizer(self, parameters):
        return torch.optim.AdamW(parameters, lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6, fused=True)

    def ema(self, parameters):
        return EMAModel(parameters, decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75, foreach=True)

    def rate(self, step, share):
        if step < self.warmup:
            return 1e-4 * step / self.warmup
        return 1e-4 * (1 + math.cos(math.pi * (step - self.warmup) / (self.steps - self.warmup))) / 2

    def loss(self, call, images, labels):
        noise = torch.randn_like(images)
        timesteps = torch.randint(0, 1000, (len(images),))
        predicted = call(self.schedule.add_noise(images, noise, timesteps), timesteps)
        return torch.nn.functional.mse_loss(predicted, noise)

    def draw(self, call, noise, labels):
        return ddim(DDIMScheduler.from_config(self.schedule.config), 50, call, noise)


class VPrediction:
    """What a short run wants: v-prediction on the cosine schedule, class labels, a high rate that falls to zero.

    AdamW 2e-3 with betas .9 and .99, 50 steps of warm-up, linear decay over the time, EMA .995 with warm-up
    ((1 + n) / (10 + n) at first), clipping at 1, labels left out for one image in ten. A net of 1.1 million
    parameters with one block a level and attention at the last. Drawn by DDIM, 25 steps evenly spaced from the
    last, without guidance.
    """

    side, ends_with_time, conditional = 28, True, True
    sampler = "ddim, 25 steps"

    def __init__(self):
        self.schedule = DDPMScheduler(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")

    def network(self):
        return UNet2DModel(sample_size=28, in_channels=1, out_channels=1, layers_per_block=1,
                           block_out_channels=(32, 64, 64),
                           down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
                           up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
                           attention_head_dim=32, norm_num_groups=8, num_class_embeds=CLASSES + 1)

    def optimizer(self, parameters):
        return torch.optim.AdamW(parameters, lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0, fused=True)

    def ema(self, parameters):
        return EMAModel(parameters, decay=0.995, foreach=True)

    def rate(self, step, share):
        return 2e-3 * min(1.0, (step + 1) / 50) * max(0.0, 1 - share)

    def loss(self, call, images, labels):
        noise = torch.randn_like(images)
        timesteps = torch.randint(0, 1000, (len(images),))
        predicted = call(self.schedule.add_noise(images, noise, timesteps), timesteps, with_dropout(labels))
        return torch.nn.functional.mse_loss(predicted, self.schedule.get_velocity(images, noise, timesteps))

    def draw(self, call, noise, labels):
        scheduler = DDIMScheduler.from_config(self.schedule.config, timestep_spacing="trailing")
        return ddim(scheduler, 25, call, noise, labels)


class Edm(VPrediction):
    """The same with preconditioning, weighting, noise levels and sampler of EDM (Karras et al., 2022, table 1).

    sigma_data 0.5, ln sigma drawn from N(-1.2, 1.2^2); Heun's method, 18 steps from 80 to 0.002 with rho 7, no
    churn.
    """

    sampler = "heun, 18 steps"
    sigma_data = 0.5

    def denoised(self, call, x, sigma, labels):
        """D(x; sigma), with sigma [N, 1, 1, 1]: equation 7."""
        variance = sigma**2 + self.sigma_data**2
        skip, out = self.sigma_data**2 / variance, sigma * self.sigma_data / variance.sqrt()
        return skip * x + out * call(x / variance.sqrt(), sigma.flatten().log() / 4, labels)

    def loss(self, call, images, labels):
        sigma = (-1.2 + 1.2 * torch.randn(len(images), 1, 1, 1)).exp()
        weight = (sigma**2 + self.sigma_data**2) / (sigma * self.sigma_data) ** 2
        noisy = images + sigma * torch.randn_like(images)
        return (weight * (self.denoised(call, noisy, sigma, with_dropout(labels)) - images) ** 2).mean()

    def draw(self, call, noise, labels):
        """Algorithm 1 of the paper on the noise levels of equation 5."""
        steps, rho = 18, 7
        sigmas = torch.linspace(80 ** (1 / rho), 0.002 ** (1 / rho), steps, dtype=torch.float64) ** rho
        sigmas = [*sigmas.tolist(), 0.0]

        def slope(x, sigma):
            return (x - self.denoised(call, x, torch.full((len(x), 1, 1, 1), sigma), labels)) / sigma

        x = sigmas[0] * noise
        for sigma, lower in zip(sigmas, sigmas[1:]):
            first = slope(x, sigma)
            guess = x + (lower - sigma) * first
            x = x + (lower - sigma) * (first + slope(guess, lower)) / 2 if lower > 0 else guess
        return x


RECIPES = {"diffusers": Diffusers, "v-prediction": VPrediction, "edm": Edm}


def with_dropout(labels):
    """One label in ten becomes "no class"."""
    return torch.where(torch.rand(len(labels)) < 0.1, CLASSES, labels)


def ddim(scheduler, steps, call, x, labels=None):
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        x = scheduler.step(call(x, t, labels), t, x).prev_sample
    return x


class Session:
    """A network in training, with one way to take steps: float32, or bf16 autocast on channels_last; compiled or
    not."""

    def __init__(self, recipe, half, compile_, seed):
        torch.manual_seed(seed)
        self.recipe, self.half = recipe, half
        self.kind = ("bf16" if half else "float32") + (" + torch.compile" if compile_ else "")
        self.net = recipe.network().train()
        if half:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.module = torch.compile(self.net) if compile_ else self.net
        self.initial = copy.deepcopy(self.net.state_dict())
        self.reset()

    def reset(self):
        """Back to before the first step; what torch.compile made stays."""
        self.net.load_state_dict(self.initial)
        self.optimizer = self.recipe.optimizer(self.net.parameters())
        self.ema = self.recipe.ema(self.net.parameters())
        self.steps = 0

    def call(self, x, t, labels=None):
        if self.half:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16) if self.half else contextlib.nullcontext():
            predicted = self.module(x, t, class_labels=labels).sample
        return predicted.float()

    def step(self, images, labels, share):
        """One step, `share` of the time being over; its loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.steps, share)
        loss = self.recipe.loss(self.call, images, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.ema.step(self.net.parameters())
        self.steps += 1
        return loss.item()

    def averaged(self):
        """A network with the EMA weights, to draw with."""
        net = copy.deepcopy(self.net)
        self.ema.copy_to(net.parameters())
        return net.eval()


def fastest_session(recipe, batches, options):
    """Takes a few steps in each way, and gives the fastest a fresh start.

    Which is faster depends on machine and net: on two Zen 4 cores the net of `diffusers` was trained at 31.9
    images/s in float32, 30.4 in bf16, and 38.5 in bf16 with torch.compile (docs/performance.md), which takes
    minutes to compile and is tried if asked for. On a CPU without bf16 products a step takes minutes in bf16: it
    is not tried there.
    """
    sessions = []
    for half in (False, True) if torch.ops.mkldnn._is_mkldnn_bf16_supported() else (False,):
        for compile_ in (False, True) if options.compile else (False,):
            session = Session(recipe, half, compile_, options.seed)
            for _ in range(2):
                session.step(*next(batches), 0.0)
            begin = time.perf_counter()
            for _ in range(options.probe_steps):
                session.step(*next(batches), 0.0)
            seconds = (time.perf_counter() - begin) / options.probe_steps
            say(f"{options.recipe}: {BATCH / seconds:.1f} images/s in {session.kind}")
            sessions.append((seconds, session))
    best = min(sessions, key=lambda pair: pair[0])[1]
    best.reset()
    return best


def batches_of(images, labels, side, seed):
    """Endless batches of images in [-1, 1] and labels, each epoch in another order, the rest of it left out."""
    x = torch.from_numpy(resized(images, side)).unsqueeze(1)
    y = torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(x), generator=generator)
        for chosen in order[: len(x) // BATCH * BATCH].split(BATCH):
            yield x[chosen].float() / 127.5 - 1, y[chosen]


def train(session, batches, minutes):
    """Trains, and yields (minutes, seconds of training) at each of the times.

    Only steps count, not what the caller does in between.
    """
    spent, told, losses = 0.0, 0.0, []
    for goal in minutes:
        while spent < 60 * goal:
            begin = time.perf_counter()
            losses.append(session.step(*next(batches), spent / (60 * goal)))
            spent += time.perf_counter() - begin
            if spent - told >= 30:
                say(f"{spent / 60:.1f} min, {session.steps} steps, loss {np.mean(losses):.4f}, "
                    f"{session.steps * BATCH / spent:.1f} images/s")
                told, losses = spent, []
        yield goal, spent


@torch.inference_mode()
def draw(recipe, net, options):
    """Images uint8 [N, 28, 28, 1], and labels or nothing. In float32, so that nothing is lost to speed."""
    labels = torch.arange(options.images) % CLASSES
    generator = torch.Generator().manual_seed(options.seed)
    noise = torch.randn(options.images, 1, recipe.side, recipe.side, generator=generator)

    def call(x, t, labels=None):
        return net(x, t, class_labels=labels).sample

    parts = [to_uint8(recipe.draw(call, x, y if recipe.conditional else None))
             for x, y in zip(noise.split(DRAW_BATCH), labels.split(DRAW_BATCH))]
    return resized(np.concatenate(parts), 28)[..., None], labels.numpy() if recipe.conditional else None


def write(options, name, images, labels, facts):
    """Both files, the .json last: where it is, the result is whole."""
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, name)
    arrays = [images] if labels is None else [images, labels]
    with open(path + ".npz.part", "wb") as file:
        np.savez(file, *arrays)
    os.replace(path + ".npz.part", path + ".npz")
    with open(path + ".json.part", "w") as file:
        json.dump(facts, file, indent=2)
    os.replace(path + ".json.part", path + ".json")
    print(path + ".npz", flush=True)


def run(options, minutes):
    """One training, which gives images for each of these times."""
    recipe = RECIPES[options.recipe]()
    batches = batches_of(*read_split("train"), recipe.side, options.seed)
    session = fastest_session(recipe, batches, options)
    versions = {"python": platform.python_version(), "torch": torch.__version__,
                "diffusers": diffusers.__version__}
    for goal, spent in train(session, batches, minutes):
        seen = session.steps * BATCH
        begin = time.perf_counter()
        images, labels = draw(recipe, session.averaged(), options)
        facts = {"recipe": options.recipe, "minutes": goal, "steps": session.steps, "images": seen,
                 "images_per_second": seen / spent, "seconds": spent,
                 "parameters": sum(p.numel() for p in session.net.parameters()), "kind": session.kind,
                 "threads": torch.get_num_threads(), "sampler": recipe.sampler, "drawn": len(images),
                 "drawing_seconds": time.perf_counter() - begin, "seed": options.seed, "versions": versions}
        write(options, f"{options.recipe}-{goal:g}m", images, labels, facts)


def write_resized(options):
    images, labels = (array[: options.images] for array in read_split("t10k"))
    write(options, "resized", resized(resized(images, 32), 28)[..., None], labels,
          {"recipe": "resized", "drawn": len(images)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipe", choices=[*RECIPES, "resized"])
    parser.add_argument("--minutes", default="5", help="of training; several with commas")
    parser.add_argument("--images", type=int, default=1000, help="to draw")
    parser.add_argument("--out", default="runs/recipes", help="folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true",
                        help="try torch.compile too; its minutes of compiling are not counted")
    parser.add_argument("--probe-steps", type=int, default=4,
                        help="in each way to take a step, to find the fastest")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.recipe == "resized":
        write_resized(options)
        return
    minutes = sorted(float(word) for word in options.minutes.split(","))
    together = not RECIPES[options.recipe].ends_with_time
    for times in [minutes] if together else [[goal] for goal in minutes]:
        run(options, times)


if __name__ == "__main__":
    main()
