"""Opens a checkpoint made by `ddpm train` in real diffusers and compares what both programs draw from the same noise.

    python tests/reference/check_diffusers.py CHECKPOINT_DIR OURS_BINARY

Run by hand, in an environment as for make_golden.py. Draws two images with DDIM in 10 steps, spacing "trailing"; the
rest of the schedule is what scheduler_config.json says. Exit code 1 if they differ by more than 1e-4 relative.
"""
import argparse
import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel

STEPS, IMAGES, TOLERANCE = 10, 2, 1e-4


def ours(binary, checkpoint, noise, label):
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", noise.numpy())
        command = [binary, "sample", "--checkpoint", checkpoint, "--noise", f"{folder}/x.npy", "--steps", str(STEPS),
                   "--sampler", "ddim", "--timestep-spacing", "trailing", "--guidance", "1",
                   "--sample.use_clipped_model_output", "false",
                   *([] if label is None else ["--class", str(label)]),
                   "--precision", "float32", "--out", f"{folder}/out.npy"]
        print("$", *command)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return torch.from_numpy(np.load(f"{folder}/out.npy"))


@torch.no_grad()
def theirs(unet, scheduler, noise, label):
    steps = DDIMScheduler.from_config(scheduler.config, timestep_spacing="trailing", set_alpha_to_one=True)
    assert steps.config.num_train_timesteps % STEPS == 0, "diffusers' DDIM is wrong if the steps do not divide T"
    steps.set_timesteps(STEPS)
    labels = None if label is None else torch.full((len(noise),), label)
    x = noise
    for t in steps.timesteps:
        x = steps.step(unet(x, t, labels).sample, t, x, eta=0.0).prev_sample
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("binary")
    arguments = parser.parse_args()

    diffusers.logging.set_verbosity_error()
    diffusers.logging.disable_progress_bar()
    unet, loading = UNet2DModel.from_pretrained(arguments.checkpoint, subfolder="unet", output_loading_info=True)
    if any(loading.values()):
        sys.exit(f"diffusers found other tensors than it expects: {loading}")
    unexpected = {k for k in unet.config if not k.startswith("_")} - set(inspect.signature(UNet2DModel).parameters)
    print(f"diffusers {diffusers.__version__} opens it: {unet.num_parameters()} parameters; private settings:",
          {k: v for k, v in unet.config.items() if k.startswith("_")}, "unknown settings:", unexpected or "none")
    scheduler = DDPMScheduler.from_pretrained(Path(arguments.checkpoint) / "scheduler")
    conditional = unet.config.num_class_embeds is not None
    if not conditional:  # DDPMPipeline passes no labels
        pipeline = DDPMPipeline.from_pretrained(arguments.checkpoint)
        images = pipeline(batch_size=1, num_inference_steps=4, output_type="np").images
        assert np.isfinite(images).all()
        print("DDPMPipeline drew", images.shape)

    torch.manual_seed(0)
    size = np.broadcast_to(unet.config.sample_size, 2).tolist()
    noise = torch.randn(IMAGES, unet.config.in_channels, *size)
    label = 0 if conditional else None
    reference = theirs(unet, scheduler, noise, label)
    result = ours(arguments.binary, arguments.checkpoint, noise, label)
    if result.shape != reference.shape:
        sys.exit(f"ours has the shape {list(result.shape)}, diffusers' {list(reference.shape)}")
    difference = ((result - reference).abs().max() / reference.abs().max()).item()
    print(f"largest relative difference {difference:.2e} (at most {TOLERANCE:g})")
    sys.exit(not difference <= TOLERANCE)


if __name__ == "__main__":
    main()
