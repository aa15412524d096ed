"""Trains the same run in float32 and in bf16 and compares the losses.

    python3 benchmarks/compare_precision.py [--config fashion-mnist] [--steps 500]

Both runs have one seed, so they see the same images, noise and timesteps. Prints, for each tenth of
the run, the mean loss of both and how far bf16 is off, and ends with 1 if the second half differs by
more than 1 %.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile


def losses(ddpm, config, steps, precision, folder):
    """The mean loss of each tenth of the run."""
    run = os.path.join(folder, precision)
    subprocess.run([ddpm, "train", "--config", config, "--run", run, "--precision", precision, "-q",
                    "--train.steps", str(steps), "--train.max_minutes", "0", "--train.log_every",
                    str(steps // 10), "--train.warmup_steps", str(steps // 10), "--train.sample_every", "0",
                    "--sample.grid_images", "1", "--sample.steps", "1", "--threads", "2"],
                   check=True, stdout=subprocess.DEVNULL)
    return [json.loads(line)["loss"] for line in open(os.path.join(run, "metrics.jsonl"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ddpm", default="build/ddpm")
    parser.add_argument("--config", default="fashion-mnist")
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        full, half = (losses(options.ddpm, options.config, options.steps, precision, folder)
                      for precision in ("float32", "bf16"))
    print("| steps | float32 | bf16 | difference |\n|---|---|---|---|")
    for i, (a, b) in enumerate(zip(full, half)):
        tenth = options.steps // 10
        print(f"| {i * tenth + 1} to {(i + 1) * tenth} | {a:.5f} | {b:.5f} | {100 * (b / a - 1):+.2f} % |")
    late = len(full) // 2
    difference = sum(half[late:]) / sum(full[late:]) - 1
    print(f"\nSecond half: {100 * difference:+.2f} %.")
    return 0 if abs(difference) <= 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
