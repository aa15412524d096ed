"""The Python side of compare_python.sh: one network, one configuration, in a process of its own.

Reads a unet/config.json as `ddpm train` writes it, makes diffusers' UNet2DModel from it, does the
work once to warm up, then waits for lines on stdin: each line is one round, answered with one JSON
line of its seconds. So rounds of both programs can take turns on a quiet machine.
"""
import argparse
import json
import resource
import sys
import time


def fail(message):
    print(json.dumps({"error": message}), flush=True)
    sys.exit(1)


def make_unet(config_file):
    from diffusers import UNet2DModel

    config = json.load(open(config_file))
    config = {key: value for key, value in config.items() if not key.startswith("_")}
    return UNet2DModel.from_config(config)


def conditioning(unet, batch):
    import torch

    if not unet.config.num_class_embeds:
        return None
    return torch.zeros(batch, dtype=torch.int64, device=unet.device)


def wait(device):
    """Until the work so far is done, which on a GPU runs behind the host's back."""
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize()


def peak_bytes(device):
    import torch

    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def training_round(unet, options):
    """AdamW, clipping at 1 and an EMA over all parameters, on random images held in memory."""
    import torch
    from diffusers import DDPMScheduler
    from diffusers.training_utils import EMAModel

    half = options.kind.startswith("bf16")
    scheduler = DDPMScheduler()
    if half:
        unet = unet.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-4, fused=half)
    ema = EMAModel(unet.parameters(), decay=0.9999, use_ema_warmup=True)
    size = unet.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    device = unet.device
    ema.to(device)
    images = torch.rand(options.batch, unet.config.in_channels, height, width, device=device) * 2 - 1
    labels = conditioning(unet, options.batch)
    network = torch.compile(unet) if options.compile else unet

    def step():
        noise = torch.randn_like(images)
        timesteps = torch.randint(0, 1000, (options.batch,), device=device)
        noisy = scheduler.add_noise(images, noise, timesteps)
        if half:
            noisy = noisy.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            predicted = network(noisy, timesteps, class_labels=labels).sample
        loss = torch.nn.functional.mse_loss(predicted.float(), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        ema.step(unet.parameters())

    def round_():
        for _ in range(options.steps):
            step()
        wait(options.device)

    return step, round_


def sampling_round(unet, options):
    """DDIM with diffusers' scheduler; the network by PyTorch or by OpenVINO."""
    import torch
    from diffusers import DDIMScheduler

    unet.eval()
    half = options.kind.startswith("bf16")
    size = unet.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    start = torch.randn(options.batch, unet.config.in_channels, height, width).to(unet.device)
    labels = conditioning(unet, options.batch)
    if options.kind.startswith("openvino"):
        network = openvino_network(unet, start, labels, options.kind.endswith("bf16"))
    else:
        if half:
            unet = unet.to(torch.bfloat16).to(memory_format=torch.channels_last)
        module = torch.compile(unet) if options.compile else unet

        def network(x, t):
            if half:
                x = x.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
            return module(x, t, class_labels=labels).sample.float()

    scheduler = DDIMScheduler()

    def draw(steps):
        with torch.inference_mode():
            scheduler.set_timesteps(steps)
            x = start
            for t in scheduler.timesteps:
                x = scheduler.step(network(x, t), t, x).prev_sample
            wait(options.device)

    return lambda: draw(2), lambda: draw(options.steps)


def openvino_network(unet, example, labels, half):
    import openvino
    import torch

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unet = unet

        def forward(self, x, t):
            return self.unet(x, t, class_labels=labels, return_dict=False)[0]

    model = openvino.convert_model(Plain(), example_input=(example, torch.tensor([10])))
    model.reshape({model.input(0): list(example.shape), model.input(1): [1]})
    hints = {"INFERENCE_NUM_THREADS": 2, "PERFORMANCE_HINT": "LATENCY",
             "INFERENCE_PRECISION_HINT": "bf16" if half else "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", hints)
    return lambda x, t: torch.from_numpy(compiled([x.numpy(), t.reshape(1).numpy()])[0])


def matmul_peak():
    """Best rate of a large square matrix product, in GFLOP/s, by type.

    Sizes grow only while a product is quick: a CPU without instructions for bf16 takes minutes for a large one.
    """
    import torch

    rates = {}
    for name, dtype in (("float32", torch.float32), ("bf16", torch.bfloat16)):
        rates[name] = 0.0
        for size in (256, 512, 1024, 2048):
            a = torch.randn(size, size).to(dtype)
            best = float("inf")
            for _ in range(12):
                begin = time.perf_counter()
                a @ a
                best = min(best, time.perf_counter() - begin)
                if best > 0.5:
                    break
            rates[name] = max(rates[name], 2 * size**3 / best / 1e9)
            if best > 0.1:
                break
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=["train", "sample", "peak"])
    parser.add_argument("--unet", help="unet/config.json")
    parser.add_argument("--kind", default="float32",
                        choices=["float32", "tf32", "bf16", "openvino-float32", "openvino-bf16"])
    parser.add_argument("--device", default="cpu", help="cpu or cuda; OpenVINO and peak: cpu only")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3, help="training or sampling steps a round")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.kind == "tf32"
    if options.work == "peak":
        print(json.dumps(matmul_peak()), flush=True)
        return
    try:
        unet = make_unet(options.unet).to(options.device)
        make = training_round if options.work == "train" else sampling_round
        warm_up, round_ = make(unet, options)
        begin = time.perf_counter()
        warm_up()
        warm_up()
        print(json.dumps({"ready": time.perf_counter() - begin}), flush=True)
    except Exception as error:  # a configuration that a machine cannot run is a row that says so
        fail(f"{type(error).__name__}: {error}".splitlines()[0][:200])
    for _ in sys.stdin:
        begin = time.perf_counter()
        round_()
        seconds = time.perf_counter() - begin
        print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes(options.device)}), flush=True)


if __name__ == "__main__":
    main()
