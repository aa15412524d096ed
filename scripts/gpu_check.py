#!/usr/bin/env python3
"""The checks of scripts/gpu_check.sh, which see. Prints them as they are done and writes the report.

Each check trains or samples with the real program, on the CPU and on the device, and compares what
it leaves behind. With --device cpu the same commands run with the CPU in the device's place.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
SMALL = ROOT / "benchmarks" / "small.yaml"
LOSS_TOLERANCE = 1e-3    # relative, over a few steps in float32
SAMPLE_TOLERANCE = 1e-3  # of images in [-1, 1], a few steps in float32
GRAPH_TOLERANCE = 1e-5   # of weights and images; the same bits are expected
PRECISIONS = {"cpu": ["float32", "bf16"], "cuda": ["float32", "tf32", "bf16"]}
# One net of launches, one of arithmetic: (config, batch, steps of training, steps of sampling)
SPEED = {"full": [("small", 64, 200, 50), ("ddpm-cifar10", 128, 40, 50)], "quick": [("small", 8, 8, 6)]}
FAILED_GRAPH = "cannot be recorded as a graph"
RECORDED_GRAPH = "recorded as a graph"


class Failure(Exception):
    """A check that did not come out as it should; the text says how."""


class Report:
    """What was checked and measured, printed at once and written at the end."""

    def __init__(self):
        self.checks, self.tables = [], []

    def check(self, name, work):
        begin = time.perf_counter()
        try:
            state, text = "PASS", work()
        except Failure as failure:
            state, text = "FAIL", str(failure)
        except (subprocess.SubprocessError, OSError, ValueError, KeyError) as error:
            state, text = "FAIL", f"{type(error).__name__}: {error}".splitlines()[0]
        self.checks.append((state, name, text))
        print(f"{state}  {name}: {text}  ({time.perf_counter() - begin:.0f} s)", file=sys.stderr, flush=True)

    def skip(self, name, why):
        self.checks.append(("SKIP", name, why))
        print(f"SKIP  {name}: {why}", file=sys.stderr, flush=True)

    def failed(self):
        return [name for state, name, _ in self.checks if state == "FAIL"]

    def text(self, head):
        rows = "".join(f"| {state} | {name} | {text} |\n" for state, name, text in self.checks)
        return f"{head}\n## Checks\n\n| | check | result |\n|---|---|---|\n{rows}\n" + "\n".join(self.tables)


class Bench:
    """Runs the program under test in a folder of its own."""

    def __init__(self, options, folder):
        self.options, self.folder, self.count = options, pathlib.Path(folder), 0
        self.ddpm = str(pathlib.Path(options.build).resolve() / "ddpm")

    def run(self, words):
        done = subprocess.run([self.ddpm, *map(str, words)], cwd=self.folder, text=True, capture_output=True)
        if done.returncode != 0:
            raise Failure(f"`ddpm {words[0]}` ended with {done.returncode}: {last_line(done.stderr)}")
        return done

    def new(self, suffix=""):
        self.count += 1
        return self.folder / f"{self.count}{suffix}"

    def train(self, device, steps, *more, run=None, config=SMALL, batch=8, sampling=True):
        """Trains; gives the run's folder and what was said on stderr."""
        run = run or self.new()
        settings = {"train.steps": steps, "train.batch_size": batch, "train.warmup_steps": 1, "train.lr": 1e-3,
                    "train.lr_schedule": "constant", "train.log_every": 1, "train.sample_every": 0,
                    "train.save_every": 0, "sample.steps": 1, "sample.grid_images": 1}
        words = ["train", "--config", config, "--run", run, "--device", device, *more]
        given = {word for word in more if str(word).startswith("--")}
        for key, value in settings.items():
            words += [] if f"--{key}" in given else [f"--{key}", value]
        return run, self.run(words).stderr

    def sample(self, device, checkpoint, *more):
        out = self.new(".npy")
        told = self.run(["sample", "--checkpoint", checkpoint, "--device", device, "--out", out, *more]).stderr
        return np.load(out), told


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def metrics(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def tensors(checkpoint, name):
    """All float32 values of a safetensors file, in the order of its names."""
    data = (checkpoint / name).read_bytes()
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8:8 + size])
    head.pop("__metadata__", None)
    body = data[8 + size:]
    parts = [np.frombuffer(body[slice(*head[key]["data_offsets"])], np.float32) for key in sorted(head)]
    return np.concatenate(parts)


STATE_FILES = ("unet/diffusion_pytorch_model.safetensors", "training/unet.safetensors",
               "training/exp_avg.safetensors", "training/exp_avg_sq.safetensors")


def largest_difference(a, b):
    """Between two checkpoints, over weights, EMA and both moments."""
    return max(float(np.abs(tensors(a, name) - tensors(b, name)).max()) for name in STATE_FILES)


def same_bits(a, b):
    return all((a / name).read_bytes() == (b / name).read_bytes() for name in STATE_FILES)


def last(run):
    return run / "checkpoints" / "last"


def check_tests(bench):
    done = subprocess.run(["ctest", "--test-dir", bench.options.build, "--output-on-failure",
                           "--no-tests=error"], text=True, capture_output=True)
    found = re.search(r"\d+% tests passed.*", done.stdout)
    if done.returncode != 0:
        raise Failure(found.group(0) if found else last_line(done.stdout + done.stderr))
    return found.group(0)


def check_gpu_tests(bench):
    done = subprocess.run([os.path.join(bench.options.build, "cuda_tests")], text=True, capture_output=True)
    skipped = re.search(r"\[  SKIPPED \] (\d+) test", done.stdout)
    if done.returncode != 0 or skipped:
        raise Failure(f"exit code {done.returncode}, {skipped.group(1) if skipped else 'no'} tests skipped")
    return re.search(r"\[  PASSED  \] (.*)", done.stdout).group(1)


def check_losses(bench):
    lines = [metrics(bench.train(device, 5, "--precision", "float32", "--no-cuda-graph")[0])
             for device in ("cpu", bench.options.device)]
    worst = max(abs(a["loss"] - b["loss"]) / a["loss"] for a, b in zip(*lines))
    text = f"5 steps in float32, largest relative difference {worst:.1e} (at most {LOSS_TOLERANCE:g})"
    if not worst <= LOSS_TOLERANCE:
        raise Failure(text)
    return text


def check_samples(bench, checkpoint):
    images = [bench.sample(device, checkpoint, "-n", 8, "--steps", 10, "--precision", "float32")[0]
              for device in ("cpu", bench.options.device)]
    worst = float(np.abs(images[0] - images[1]).max())
    text = f"8 images, DDIM 10 steps, float32: largest difference {worst:.1e} (at most {SAMPLE_TOLERANCE:g})"
    if not worst <= SAMPLE_TOLERANCE:
        raise Failure(text)
    return text


def check_precision(bench, checkpoint, precision):
    losses = metrics(bench.train(bench.options.device, 5, "--precision", precision)[0])
    images, _ = bench.sample(bench.options.device, checkpoint, "-n", 4, "--steps", 10, "--precision", precision)
    if not (np.isfinite(images).all() and all(np.isfinite(line["loss"]) for line in losses)):
        raise Failure("numbers that are not finite")
    exact, _ = bench.sample("cpu", checkpoint, "-n", 4, "--steps", 10, "--precision", "float32")
    difference = float(np.abs(images - exact).mean() / np.abs(exact).mean())
    text = f"trains and samples; mean difference of images from the CPU's float32 {difference:.1e} (at most 0.1)"
    if not difference <= 0.1:
        raise Failure(text)
    return text


def check_resume(bench, precision, *more):
    common = ["--precision", precision, "--model.dropout", "0.1", "--train.gradient_accumulation_steps", 2, *more]
    device = bench.options.device
    whole, _ = bench.train(device, 20, *common)
    parts, _ = bench.train(device, 10, *common)
    bench.train(device, 20, *common, "--resume", run=parts)
    if not same_bits(last(whole), last(parts)):
        raise Failure(f"20 steps and 10 + 10 differ by up to {largest_difference(last(whole), last(parts)):.1e}")
    return "20 steps and 10 + 10 give the same bits of weights, EMA and moments"


def graph_words(bench, told):
    """What a run said about its graphs; a GPU run that went on without them has failed."""
    if bench.options.device == "cpu":
        return "dry run, no graphs"
    if FAILED_GRAPH in told or RECORDED_GRAPH not in told:
        raise Failure("not recorded: " + next((x for x in told.splitlines() if FAILED_GRAPH in x), "no message"))
    return "graphs were used"


def close_enough(text, difference):
    text += "no difference" if difference == 0 else f"differ by up to {difference:.1e} (at most {GRAPH_TOLERANCE:g})"
    if not difference <= GRAPH_TOLERANCE:
        raise Failure(text)
    return text


def check_graph_training(bench, precision):
    common = ["--precision", precision, "--model.dropout", "0.1", "--train.gradient_accumulation_steps", 2]
    graphed, told = bench.train(bench.options.device, 12, *common)
    words = graph_words(bench, told)
    eager, _ = bench.train(bench.options.device, 12, *common, "--no-cuda-graph")
    return close_enough(f"12 steps with dropout, {words}: ", largest_difference(last(graphed), last(eager)))


def check_graph_sampling(bench, checkpoint, precision):
    common = ["-n", 12, "--batch-size", 8, "--steps", 10, "--precision", precision]  # the last batch is smaller
    graphed, told = bench.sample(bench.options.device, checkpoint, *common)
    words = graph_words(bench, told)
    eager, _ = bench.sample(bench.options.device, checkpoint, *common, "--no-cuda-graph")
    return close_enough(f"12 images, {words}: ", float(np.abs(graphed - eager).max()))


def training_rate(bench, config, batch, steps, precision, *more):
    """Images a second between two log lines, the first after set-up and recording."""
    every = max(1, steps // 4)
    run, _ = bench.train(bench.options.device, every + steps, "--precision", precision, "--train.log_every", every,
                         *more, config=config, batch=batch)
    lines = metrics(run)
    first, end = lines[0], lines[-1]
    return (end["images"] - first["images"]) / (end["seconds"] - first["seconds"])


def sampling_rate(bench, checkpoint, batch, steps, precision, *more):
    """From runs of one and of three batches: the difference is free of start-up, set-up and recording."""
    seconds = {}
    for batches in (1, 3):
        done = bench.run(["sample", "--checkpoint", checkpoint, "--device", bench.options.device, "-n",
                          batches * batch, "--batch-size", batch, "--steps", steps, "--precision", precision,
                          "--json", "--out", bench.new(".npy"), *more])
        seconds[batches] = json.loads(done.stdout)["seconds"]
    return 2 * batch / (seconds[3] - seconds[1])


class Python:
    """diffusers in a process of its own, see benchmarks/python_side.py."""

    def __init__(self, bench, work, unet, batch, kind, steps):
        self.images = batch * (steps if work == "train" else 1)
        command = [sys.executable, str(ROOT / "benchmarks" / "python_side.py"), work, "--unet", str(unet),
                   "--kind", kind, "--batch", str(batch), "--steps", str(steps), "--device", bench.options.device]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)
        self.answer("error")

    def answer(self, wanted):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "ended without an answer"}
        if "error" in answer:
            raise Failure(f"diffusers: {answer['error']}")
        return answer.get(wanted)

    def rate(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.images / self.answer("seconds")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(bench, report, net, batch, steps, sampling_steps):
    config = ROOT / "benchmarks" / f"{net}.yaml"
    made, _ = bench.train(bench.options.device, 2, "--precision", "float32", config=config)
    unet = last(made) / "unet" / "config.json"
    for work in ("train", "sample"):
        for precision in PRECISIONS[bench.options.device]:
            count = steps if work == "train" else sampling_steps

            def ours(*more):
                if work == "train":
                    return training_rate(bench, config, batch, count, precision, *more)
                return sampling_rate(bench, last(made), batch, count, precision, *more)

            ways = {"graphs": ours, "eager": lambda: ours("--no-cuda-graph"),
                    "graphs, cuDNN autotuned": lambda: ours("--cudnn-autotune")}
            python = Python(bench, work, unet, batch, precision, count)
            rates = {name: [] for name in [*ways, "diffusers"]}
            for _ in range(bench.options.repeats):  # in turns, so that a slow minute hits all alike
                for name, way in ways.items():
                    rates[name].append(way())
                rates["diffusers"].append(python.rate())
            python.close()
            report.tables.append(table(net, work, batch, precision, count, rates))
    return f"training and sampling measured, {bench.options.repeats} repeats"


def table(net, work, batch, precision, steps, rates):
    base = statistics.median(rates["diffusers"])
    title = f"{net}, {work}, batch {batch}, {precision}" + ("" if work == "train" else f", DDIM {steps} steps")
    lines = [f"### {title}\n", "| | images/s, median | lowest to highest | against diffusers |", "|---|---|---|---|"]
    for name, values in rates.items():
        median = statistics.median(values)
        lines.append(f"| {name} | {median:.1f} | {min(values):.1f} to {max(values):.1f} | {median / base:.2f}× |")
    return "\n".join(lines) + "\n"


def output_of(command):
    try:
        return subprocess.run(command, text=True, capture_output=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def head(options):
    import diffusers
    import torch

    lines = [f"# Check of {'the GPU' if options.device == 'cuda' else 'the check itself: a dry run on the CPU'}\n",
             f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, commit "
             f"{output_of(['git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD'])}\n",
             "| | |\n|---|---|"]
    if options.device == "cuda":
        query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
        lines.append(f"| GPU, driver, memory | {'; '.join(output_of(query).splitlines())} |")
        lines.append(f"| CUDA, cuDNN | {torch.version.cuda}, {torch.backends.cudnn.version()} |")
    else:
        lines.append("| dry run | the rows graphs, eager and autotuned below are the same work, without graphs |")
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    lines.append(f"| CPU | {cpu.group(1) if cpu else platform.machine()}, {os.cpu_count()} cores |")
    program = output_of([str(pathlib.Path(options.build) / "ddpm"), "--version"])
    lines.append(f"| program | {program} |")
    lines.append(f"| Python side | torch {torch.__version__}, diffusers {diffusers.__version__} |")
    return "\n".join(lines) + "\n"


def run_checks(bench, report):
    options = bench.options
    report.check("every test", lambda: check_tests(bench))
    if options.device == "cuda":
        report.check("tests on the GPU", lambda: check_gpu_tests(bench))
    else:
        report.skip("tests on the GPU", "dry run")
    report.check("CPU against device: training loss", lambda: check_losses(bench))
    made = bench.train("cpu", 20, "--precision", "float32")[0]
    report.check("CPU against device: images of the same seeds", lambda: check_samples(bench, last(made)))
    for precision in PRECISIONS[options.device]:
        report.check(f"precision {precision}", lambda: check_precision(bench, last(made), precision))
        report.check(f"resume, {precision}", lambda: check_resume(bench, precision))
        report.check(f"graph against eager: training, {precision}", lambda: check_graph_training(bench, precision))
        report.check(f"graph against eager: images, {precision}",
                     lambda: check_graph_sampling(bench, last(made), precision))
    report.check("resume, gradient checkpointing",
                 lambda: check_resume(bench, "bf16", "--train.gradient_checkpointing", "blocks"))
    for net, batch, steps, sampling_steps in SPEED["quick" if options.quick else "full"]:
        report.check(f"speed: {net}", lambda: measure(bench, report, net, batch, steps, sampling_steps))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--build", default="build")
    parser.add_argument("--report", default="runs/gpu-report.md")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else 5)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        run_checks(Bench(options, folder), report)
    path = pathlib.Path(options.report)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.text(head(options)))
    print(path)
    if report.failed():
        print(f"gpu_check: {len(report.failed())} of {len(report.checks)} checks failed", file=sys.stderr)
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
