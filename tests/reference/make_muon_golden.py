"""Writes tests/data/muon.safetensors: what torch.optim.Muon makes of two matrices in three steps.

    python tests/reference/make_muon_golden.py

In an environment as for make_golden.py (torch 2.9 or newer). torch.optim.Muon iterates in bfloat16, so that its steps are
good to about 1 % only.
"""
import pathlib

import torch
from safetensors.torch import save_file

SHAPES = {"wide": (6, 40), "tall": (24, 8)}
STEPS = 3


def main():
    torch.manual_seed(7)
    tensors = {}
    for name, shape in SHAPES.items():
        weight = torch.nn.Parameter(torch.randn(shape))
        tensors[f"{name}.before"] = weight.detach().clone()
        optimizer = torch.optim.Muon([weight], lr=0.02, weight_decay=0.1, momentum=0.9,
                                     adjust_lr_fn="match_rms_adamw")
        for step in range(STEPS):
            weight.grad = torch.randn(shape)
            tensors[f"{name}.gradient.{step}"] = weight.grad.clone()
            optimizer.step()
        tensors[f"{name}.after"] = weight.detach().clone()
    save_file(tensors, pathlib.Path(__file__).parents[1] / "data" / "muon.safetensors")


if __name__ == "__main__":
    main()
