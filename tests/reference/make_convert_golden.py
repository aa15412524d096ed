"""Writes tests/data/convert: files of other programs, and what their networks answer.

    python tests/reference/make_convert_golden.py GUIDED IMPROVED

GUIDED and IMPROVED are checkouts of openai/guided-diffusion and openai/improved-diffusion (both MIT), whose networks are
run here and of whose code nothing is kept. Needs torch, numpy, safetensors and diffusers as make_golden.py does. Weights
are random, of few different values so that they pack well, in float16.
"""
import collections
import importlib
import pickle
import sys
import types
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

DATA = Path(__file__).resolve().parent.parent / "data"
OUT = DATA / "convert"


def network_class(checkout, package):
    """UNetModel of a checkout, without the packages that only its training needs."""
    folder = types.ModuleType(package)
    folder.__path__ = [str(Path(checkout) / package)]
    sys.modules[package] = folder
    return importlib.import_module(f"{package}.unet").UNetModel


def randomized(net, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            levels = torch.randint(-2, 3, parameter.shape, generator=generator).float()
            fan = parameter[0].numel() if parameter.dim() > 1 else 25
            parameter.copy_((levels / fan**0.5 + (1 if name.endswith("0.weight") and parameter.dim() == 1 else 0)).half())
    return net.eval()


def answer(net, channels, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, channels, 8, 8, generator=generator)
    timesteps = torch.tensor([3, 750])
    labels = torch.tensor([2, 0]) if classes else None
    with torch.no_grad():
        y = net(x, timesteps, labels) if classes else net(x, timesteps)
    return {"x": x, "timesteps": timesteps, "y": y, **({"labels": labels} if classes else {})}


def main():
    guided = network_class(sys.argv[1], "guided_diffusion")
    improved = network_class(sys.argv[2], "improved_diffusion")
    OUT.mkdir(exist_ok=True)
    small = dict(in_channels=3, model_channels=32, num_res_blocks=1, channel_mult=(1, 1))
    nets = {
        "guided_classes": randomized(guided(
            image_size=8, out_channels=6, attention_resolutions=(2,), num_classes=3, num_head_channels=16,
            use_scale_shift_norm=True, resblock_updown=True, **small), 1),
        "guided_new_order": randomized(guided(
            image_size=8, out_channels=3, attention_resolutions=(1, 2), num_heads=4, use_new_attention_order=True,
            **small), 2),
        "improved": randomized(improved(out_channels=3, attention_resolutions=(2,), num_heads=2, **small), 3),
    }
    golden = {}
    for seed, (name, net) in enumerate(nets.items()):
        classes = getattr(net, "num_classes", None)
        golden.update({f"{name}.{key}": value for key, value in answer(net, 3, classes, seed + 10).items()})
    save_file(golden, OUT / "golden.safetensors")

    half = {name: collections.OrderedDict((key, value.half()) for key, value in net.state_dict().items())
            for name, net in nets.items()}
    torch.save(half["guided_classes"], OUT / "guided_classes.pt")
    # As Lightning keeps a network, under wrappers and beside other things.
    lightning = {"epoch": 3, "global_step": 500, "pytorch-lightning_version": "2.1.0",
                 "state_dict": {f"model._orig_mod.{key}": value for key, value in half["guided_new_order"].items()},
                 "optimizer_states": [{"state": {0: {"step": torch.tensor(5.0)}}, "param_groups": [{"lr": 1e-4}]}]}
    torch.save(lightning, OUT / "guided_new_order.ckpt")
    torch.save(half["improved"], OUT / "improved_old_layout.pt", _use_new_zipfile_serialization=False)
    unet = load_file(DATA / "unet/float16/unet/diffusion_pytorch_model.fp16.safetensors")
    torch.save(unet, OUT / "diffusion_pytorch_model.bin")

    class Evil:
        def __reduce__(self):
            return (print, ("this must never be run",))

    torch.save({"state_dict": {"time_embed.0.weight": torch.zeros(2, 2)}, "callback": Evil()}, OUT / "evil.pt")
    with open(OUT / "edm.pkl", "wb") as file:  # as EDM pickles: a class that only its own code has
        module = types.ModuleType("torch_utils.persistence")
        sys.modules["torch_utils"] = types.ModuleType("torch_utils")
        sys.modules["torch_utils.persistence"] = module
        module._reconstruct_persistent_obj = lambda meta: None
        module._reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
        module._reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"

        class Network:
            def __reduce__(self):
                return (module._reconstruct_persistent_obj, ({"class_name": "EDMPrecond"},))

        pickle.dump({"ema": Network(), "augment_pipe": None}, file)


if __name__ == "__main__":
    main()
