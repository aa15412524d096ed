"""Our side of compare_python.sh: runs ddpm and Python in turns and prints ratios.

All rounds of all rows take turns (ours, theirs, theirs, ..., ours, ...), so that a slow minute of
the machine hits every row alike; medians are compared.
"""
import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NETS = {"small": 64, "ddpm-cifar10": 16, "ddpm-cifar10-heads": 16}
TRAINING = [("float32", False), ("float32", True), ("bf16", False), ("bf16", True)]
SAMPLING = TRAINING + [("openvino-float32", False), ("openvino-bf16", False)]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def measured(command):
    """Runs a command; its seconds, peak memory and stdout."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        out.seek(0), err.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{err.read()[-2000:]}")
        return seconds, usage.ru_maxrss * 1024, out.read()


class Python:
    """One Python configuration, kept warm between its rounds."""

    def __init__(self, options, work, unet, batch, kind, compile_, steps):
        self.name = f"{'diffusers ' if 'openvino' not in kind else ''}{kind.replace('-', ' ')}"
        self.name += " + torch.compile" if compile_ else ""
        self.images = batch * steps if work == "train" else batch
        command = [options.python, os.path.join(HERE, "python_side.py"), work, "--unet", unet,
                   "--kind", kind, "--batch", str(batch), "--steps", str(steps)]
        command += ["--compile"] if compile_ else []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        answer = self.answer()
        self.error = answer.get("error")
        self.warm_up = answer.get("ready")
        self.rates, self.peak = [], 0

    def answer(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "ended without an answer"}

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.answer()
        self.rates.append(self.images / answer["seconds"])
        self.peak = max(self.peak, answer["peak_bytes"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    """The ddpm binary, started anew for every round, as a person would; rates without the start."""

    def __init__(self, options, work, net, batch, steps, checkpoint):
        self.name = f"ddpm {options.precision}"
        self.error = None
        self.options, self.work, self.net = options, work, net
        self.batch, self.steps, self.checkpoint = batch, steps, checkpoint
        self.rates, self.peak = [], 0

    def round(self):
        with tempfile.TemporaryDirectory() as folder:
            if self.work == "train":
                self.train(folder)
            else:
                self.sample(folder)

    def train(self, folder):
        run = os.path.join(folder, "run")
        warm_up = 3
        command = [self.options.ddpm, "train", "--config", os.path.join(HERE, self.net + ".yaml"),
                   "--train.precision", self.options.precision, "--train.steps", str(warm_up + self.steps),
                   "--train.warmup_steps", "1", "--train.log_every", str(warm_up),
                   "--train.sample_every", "0", "--sample.grid_images", "1", "--sample.steps", "1",
                   "--threads", "2", "--run", run, "-q"]
        _, peak, _ = measured(command)
        lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"))]
        first, last = lines[0], lines[-1]
        images = last["images"] - first["images"]
        self.rates.append(images / (last["seconds"] - first["seconds"]))
        self.peak = max(self.peak, peak)

    def sample(self, folder):
        command = [self.options.ddpm, "sample", "--checkpoint", self.checkpoint, "-n",
                   str(self.batch), "--batch-size", str(self.batch), "--precision", self.options.precision,
                   "--threads", "2", "-q"]
        seconds = {}
        for steps in (2, self.steps):  # the difference is free of start-up and set-up
            out = os.path.join(folder, f"{steps}.npy")
            seconds[steps], peak, _ = measured(command + ["--steps", str(steps), "--out", out])
            self.peak = max(self.peak, peak)
        self.rates.append(self.batch * (self.steps - 2) / self.steps / (seconds[self.steps] - seconds[2]))

    def close(self):
        pass


def compare(options, work, net, checkpoint):
    batch = NETS[net]
    train_steps = 6 if net == "small" else 3
    steps = train_steps if work == "train" else options.sampling_steps
    unet = os.path.join(checkpoint, "unet", "config.json")
    rows = [Ours(options, work, net, batch, 2 * train_steps if work == "train" else steps, checkpoint)]
    for kind, compile_ in TRAINING if work == "train" else SAMPLING:
        if (compile_ and not options.compile) or kind not in options.kinds:
            continue
        say(f"{net}, {work}: warming up {kind}{' + torch.compile' if compile_ else ''}")
        rows.append(Python(options, work, unet, batch, kind, compile_, steps))
    for number in range(options.rounds):
        for row in rows:
            if not row.error:
                row.round()
        say(f"{net}, {work}: round {number + 1} of {options.rounds}")
    for row in rows:
        row.close()
    return rows


def report(options, net, work, rows, macs, peak):
    ours = rows[0]
    rate = statistics.median(ours.rates)
    unit = "images/s" if work == "train" else f"images/s, DDIM {options.sampling_steps} steps"
    print(f"\n### {net}, {'training step' if work == 'train' else 'sampling'}, batch {NETS[net]}\n")
    print(f"| | {unit} | lowest to highest | ddpm is faster by | peak memory |\n|---|---|---|---|---|")
    best = 0.0
    for row in rows:
        if row.error:
            print(f"| {row.name} | did not run: {row.error} | | | |")
            continue
        median = statistics.median(row.rates)
        ratio = "" if row is ours else f"{rate / median:.2f}×"
        best = best if row is ours else max(best, median)
        print(f"| {row.name} | {median:.2f} | {min(row.rates):.2f} to {max(row.rates):.2f} | {ratio} "
              f"| {row.peak / 1e6:.0f} MB |")
    factor = 6 if work == "train" else 2 * options.sampling_steps
    share = factor * macs * rate / 1e9 / peak[options.precision]
    print(f"\nAgainst the fastest Python row: **{rate / best:.2f}×**. Share of the {options.precision} "
          f"matrix-product peak: {share:.2f}.")
    sys.stdout.flush()


def start_up(options, checkpoint):
    def best(command):
        return min(measured(command)[0] for _ in range(5))

    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(100))
        first = min(measured([options.ddpm, "sample", "--checkpoint", checkpoint, "--steps", "10", "-n",
                              "1", "--out", os.path.join(folder, f"{next(count)}.png")])[0]
                    for _ in range(5))
    help_ = best([options.ddpm, "--help"])
    python = best([options.python, "-c", "import torch, diffusers; from diffusers import DDIMPipeline"])
    print(f"\nStart-up, best of 5: `ddpm --help` {help_:.2f} s; `ddpm sample --steps 10 -n 1` on the "
          f"net {options.nets[0]} {first:.2f} s; importing torch and diffusers {python:.2f} s.")


def make_checkpoint(options, net, folder):
    run = os.path.join(folder, net)
    measured([options.ddpm, "train", "--config", os.path.join(HERE, net + ".yaml"), "--train.steps",
              "2", "--train.warmup_steps", "1", "--train.batch_size", "2", "--train.precision", "float32",
              "--sample.grid_images", "1", "--sample.steps", "1", "--run", run, "-q"])
    _, _, plan = measured([options.ddpm, "train", "--config", os.path.join(HERE, net + ".yaml"),
                           "--dry-run", "--json"])
    return os.path.join(run, "checkpoints", "last"), json.loads(plan)["macs_per_image"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ddpm", required=True)
    parser.add_argument("--python", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sampling-steps", type=int, default=50)
    parser.add_argument("--nets", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument("--work", nargs="+", default=["train", "sample"], choices=["train", "sample"])
    parser.add_argument("--kinds", nargs="+", choices=[kind for kind, compile_ in SAMPLING if not compile_],
                        default=[kind for kind, compile_ in SAMPLING], help="Python rows to measure")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "2"
    _, _, peak = measured([options.python, os.path.join(HERE, "python_side.py"), "peak"])
    peak = json.loads(peak)
    options.precision = max(peak, key=peak.get)  # what --train.precision auto would find
    if options.precision == "float32":
        say("this CPU has no bf16 products: no rows in bf16, which would take hours")
        options.kinds = [kind for kind in options.kinds if not kind.endswith("bf16")]
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line),
               platform.machine())
    print(f"{cpu}, 2 threads; matrix-product peak {peak['float32']:.0f} GFLOP/s in float32, "
          f"{peak['bf16']:.0f} in bf16; {options.rounds} rounds in turns, medians.")
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = {net: make_checkpoint(options, net, folder) for net in options.nets}
        for net in options.nets:
            for work in options.work:
                rows = compare(options, work, net, checkpoints[net][0])
                report(options, net, work, rows, checkpoints[net][1], peak)
        start_up(options, checkpoints[options.nets[0]][0])


if __name__ == "__main__":
    main()
