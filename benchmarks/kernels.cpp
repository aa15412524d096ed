// Times of the fused CPU operators beside their ATen twins, at the sizes that the benchmarks' two
// nets have. Build with -DDDPM_BENCHMARKS=ON; build/kernel_benchmarks --help tells the flags.
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <torch/autograd.h>

#include "ddpm/kernels/adam.h"
#include "ddpm/kernels/attention.h"
#include "ddpm/kernels/group_norm.h"

namespace ddpm {
namespace {

enum class Pass { kForward, kBackward };

torch::Tensor random_images(const benchmark::State& state, torch::Dtype type) {
  return torch::randn({state.range(0), state.range(1), state.range(2), state.range(2)})
      .to(type)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

/// Times `function(x)`, or its backward pass alone.
template <typename Function>
void run(benchmark::State& state, torch::Tensor x, Pass pass, const Function& function) {
  if (pass == Pass::kForward) {
    const torch::NoGradGuard no_grad;
    for (auto _ : state)
      benchmark::DoNotOptimize(function(x));
    return;
  }
  x.requires_grad_();
  const auto y = function(x);
  const auto dy = torch::randn(y.sizes()).to(y.scalar_type()).as_strided(y.sizes(), y.strides());
  for (auto _ : state)
    benchmark::DoNotOptimize(
        torch::autograd::grad({y}, {x}, {dy}, /*retain_graph=*/true, /*create_graph=*/false));
}

using GroupNorm = torch::Tensor (*)(const torch::Tensor&, const Modulation&, const torch::Tensor&,
                                    const torch::Tensor&, const GroupNormOptions&);

/// Arguments: batch, channels, side.
void group_norm_silu(benchmark::State& state, GroupNorm function, torch::Dtype type, Pass pass) {
  const auto x = random_images(state, type);
  const auto weight = torch::rand({state.range(1)}).requires_grad_();
  const auto bias = torch::rand({state.range(1)}).requires_grad_();
  const Modulation modulation{.shift = torch::randn({state.range(0), state.range(1)}).to(type),
                              .scale_shift = {}};
  const GroupNormOptions options{32, 1e-6, Activation::kSilu};
  run(state, x, pass, [&](const torch::Tensor& input) {
    return function(input, modulation, weight, bias, options);
  });
}

using Attention = torch::Tensor (*)(const torch::Tensor&);

/// Arguments: batch, tokens, heads, channels of a head.
void self_attention(benchmark::State& state, Attention function, torch::Dtype type, Pass pass) {
  const auto qkv =
      torch::randn({state.range(0), state.range(1), 3, state.range(2), state.range(3)}).to(type);
  run(state, qkv, pass, function);
}

using Adam = torch::Tensor (*)(const AdamTensors&, const std::vector<GradientPart>&,
                               const AdamOptions&);

/// Argument: millions of parameters. The gradients are those of one flat tensor.
void adam(benchmark::State& state, Adam function, torch::Dtype type) {
  const int64_t size = state.range(0) * 1'000'000;
  const AdamTensors tensors{.weights = torch::randn({size}),
                            .exp_avg = torch::zeros({size}),
                            .exp_avg_sq = torch::zeros({size}),
                            .ema = torch::randn({size}),
                            .bf16_weights = torch::empty({size}, torch::kBFloat16)};
  const std::vector<GradientPart> gradients{{torch::randn({size}).to(type), 0}};
  AdamOptions options{.lr = 1e-4, .max_grad_norm = 1.0, .ema_decay = 0.999};
  for (auto _ : state) {
    benchmark::DoNotOptimize(function(tensors, gradients, options));
    ++options.step;
  }
}

void register_all() {
  const std::pair<const char*, torch::Dtype> types[] = {{"float32", torch::kFloat32},
                                                        {"bf16", torch::kBFloat16}};
  const std::pair<const char*, Pass> passes[] = {{"forward", Pass::kForward},
                                                 {"backward", Pass::kBackward}};
  const std::pair<const char*, GroupNorm> norms[] = {{"fused", group_norm},
                                                     {"aten", group_norm_reference}};
  const std::pair<const char*, Attention> attentions[] = {{"fused", attention},
                                                          {"aten", attention_reference}};
  const auto name = [](const char* kernel, const char* kind, const char* type, const char* pass) {
    return std::string(kernel) + "/" + type + "/" + pass + "/" + kind;
  };
  const std::pair<const char*, Adam> adams[] = {{"fused", adam_step},
                                                {"aten", adam_step_reference}};
  for (const auto& [type_name, type] : types) {
    for (const auto& [kind, function] : adams) {
      benchmark::RegisterBenchmark(name("adam", kind, type_name, "step").c_str(), adam, function,
                                   type)
          ->Arg(36)
          ->Unit(benchmark::kMillisecond)
          ->UseRealTime();
    }
    for (const auto& [pass_name, pass] : passes) {
      for (const auto& [kind, function] : norms) {
        benchmark::RegisterBenchmark(name("group_norm_silu", kind, type_name, pass_name).c_str(),
                                     group_norm_silu, function, type, pass)
            ->Args({64, 32, 32})
            ->Args({64, 64, 16})
            ->Args({16, 128, 32})
            ->Args({16, 256, 16})
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
      for (const auto& [kind, function] : attentions) {
        benchmark::RegisterBenchmark(name("attention", kind, type_name, pass_name).c_str(),
                                     self_attention, function, type, pass)
            ->Args({64, 256, 8, 8})
            ->Args({64, 64, 8, 8})
            ->Args({64, 256, 4, 16})
            ->Unit(benchmark::kMillisecond)
            ->UseRealTime();
      }
    }
  }
}

}  // namespace
}  // namespace ddpm

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);  // as the program does
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  at::set_num_threads(2);
  ddpm::register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
