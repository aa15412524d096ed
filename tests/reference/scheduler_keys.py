"""Prints the rows of src/checkpoint/scheduler_keys.cpp: the keys that the constructor of each scheduler takes.

    python tests/reference/scheduler_keys.py

Run by hand, in an environment as for make_golden.py, when the version of diffusers changes; clang-format breaks the lines.
"""
import inspect
import textwrap

import diffusers

CLASSES = """DDPMScheduler DDPMParallelScheduler DDIMScheduler DDIMParallelScheduler DPMSolverMultistepScheduler
    UniPCMultistepScheduler DEISMultistepScheduler EulerDiscreteScheduler EulerAncestralDiscreteScheduler
    HeunDiscreteScheduler PNDMScheduler LMSDiscreteScheduler DPMSolverSinglestepScheduler KDPM2DiscreteScheduler
    KDPM2AncestralDiscreteScheduler SASolverScheduler EDMEulerScheduler EDMDPMSolverMultistepScheduler
    FlowMatchEulerDiscreteScheduler""".split()


def main():
    for name in CLASSES:
        keys = list(inspect.signature(getattr(diffusers, name).__init__).parameters)[1:]
        lines = textwrap.wrap(" ".join(keys), 84, break_long_words=False)
        text = "\n".join(f'     "{line}{" " if line is not lines[-1] else ""}"' for line in lines)
        print(f'    {{"{name}",\n{text}}},')


if __name__ == "__main__":
    main()
