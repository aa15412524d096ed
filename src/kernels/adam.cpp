#include "ddpm/kernels/adam.h"

#include <algorithm>
#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "ddpm/kernels/adam_loops.h"

namespace ddpm {
namespace {

/// Work for one thread at a time. Fixed, so that sums do not depend on the number of threads.
constexpr int64_t kChunk = 1 << 15;

/// Part of a gradient.
struct Chunk {
  const GradientPart* part;
  int64_t first;  // within the part
  int64_t count;
};

std::vector<Chunk> split_chunks(const std::vector<GradientPart>& gradients) {
  std::vector<Chunk> chunks;
  for (const auto& part : gradients) {
    const int64_t size = part.gradient.numel();
    for (int64_t first = 0; first < size; first += kChunk)
      chunks.push_back({&part, first, std::min(kChunk, size - first)});
  }
  return chunks;
}

/// Calls `work(T*)` with the chunk's gradients.
template <typename Work>
void with_gradients(const Chunk& chunk, const Work& work) {
  const auto& gradient = chunk.part->gradient;
  if (gradient.scalar_type() == torch::kFloat32) {
    work(gradient.const_data_ptr<float>() + chunk.first);
  } else {
    work(static_cast<const BFloat16Bits*>(gradient.const_data_ptr()) + chunk.first);
  }
}

template <typename Work>
void for_each_chunk(const std::vector<Chunk>& chunks, const Work& work) {
  at::parallel_for(0, static_cast<int64_t>(chunks.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      work(static_cast<size_t>(i));
  });
}

double norm_of(const std::vector<Chunk>& chunks) {
  std::vector<double> sums(chunks.size());
  for_each_chunk(chunks, [&](size_t i) {
    with_gradients(chunks[i],
                   [&](const auto* values) { sums[i] = sum_of_squares(values, chunks[i].count); });
  });
  double total = 0.0;
  for (const double sum : sums)
    total += sum;
  return std::sqrt(total);
}

double clip_factor(const AdamOptions& options, double norm) {
  return options.max_grad_norm > 0 ? std::min(1.0, options.max_grad_norm / (norm + 1e-6)) : 1.0;
}

AdamFactors make_factors(const AdamOptions& options, double norm) {
  const auto step = static_cast<double>(options.step);
  const auto number = [](double value) { return static_cast<float>(value); };
  return {.gradient = number(clip_factor(options, norm)),
          .decay = number(options.decoupled_decay ? 1.0 - options.lr * options.weight_decay : 1.0),
          .l2 = number(options.decoupled_decay ? 0.0 : options.weight_decay),
          .new_first = number(1.0 - options.beta1),
          .new_second = number(1.0 - options.beta2),
          .root = number(1.0 / std::sqrt(1.0 - std::pow(options.beta2, step))),
          .eps = number(options.eps),
          .rate = number(options.lr / (1.0 - std::pow(options.beta1, step))),
          .new_ema = number(1.0 - options.ema_decay)};
}

AdamRange range_of(const AdamTensors& tensors, const Chunk& chunk) {
  const int64_t offset = chunk.part->offset + chunk.first;
  const auto& copy = tensors.bf16_weights;
  return {.weights = tensors.weights.data_ptr<float>() + offset,
          .exp_avg = tensors.exp_avg.data_ptr<float>() + offset,
          .exp_avg_sq = tensors.exp_avg_sq.data_ptr<float>() + offset,
          .ema = tensors.ema.data_ptr<float>() + offset,
          .bf16_weights =
              copy.defined() ? static_cast<BFloat16Bits*>(copy.data_ptr()) + offset : nullptr,
          .count = chunk.count};
}

/// The parts as one flat float32 tensor.
torch::Tensor flatten(const torch::Tensor& weights, const std::vector<GradientPart>& gradients) {
  auto flat = torch::zeros_like(weights);
  for (const auto& [gradient, offset] : gradients) {
    auto target = flat.as_strided(gradient.sizes(), gradient.strides(), offset);
    target.copy_(gradient);
  }
  return flat;
}

}  // namespace

torch::Tensor adam_step_reference(const AdamTensors& tensors,
                                  const std::vector<GradientPart>& gradients,
                                  const AdamOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto& weights = tensors.weights;
  const bool one = gradients.size() == 1 && gradients[0].gradient.sizes() == weights.sizes() &&
                   gradients[0].gradient.scalar_type() == torch::kFloat32;
  const auto flat = one ? gradients[0].gradient.clone() : flatten(weights, gradients);
  const auto norm = flat.norm();
  if (options.max_grad_norm > 0) {
    flat.mul_((options.max_grad_norm / (norm + 1e-6)).clamp_max(1.0));
  }
  auto finite = norm.isfinite();
  if (options.loss.defined()) finite = finite.logical_and(options.loss.isfinite());
  const auto found_inf = finite.logical_not().to(torch::kFloat32);
  const auto step = torch::full({}, static_cast<double>(options.step), weights.options());
  const auto adam =
      options.decoupled_decay ? at::_ops::_fused_adamw_::call : at::_ops::_fused_adam_::call;
  adam({weights}, {flat}, {tensors.exp_avg}, {tensors.exp_avg_sq}, {}, {step}, options.lr,
       options.beta1, options.beta2, options.weight_decay, options.eps, /*amsgrad=*/false,
       /*maximize=*/false, /*grad_scale=*/std::nullopt, found_inf);
  tensors.ema.lerp_(weights, (1.0 - options.ema_decay) * (1.0 - found_inf));
  if (tensors.bf16_weights.defined()) tensors.bf16_weights.copy_(weights);
  return norm;
}

torch::Tensor adam_step(const AdamTensors& tensors, const std::vector<GradientPart>& gradients,
                        const AdamOptions& options) {
  if (!tensors.weights.is_cpu()) return adam_step_reference(tensors, gradients, options);
  RECORD_FUNCTION("ddpm::adam", std::vector<c10::IValue>());
  const auto chunks = split_chunks(gradients);
  const double norm = norm_of(chunks);
  const double loss = options.loss.defined() ? options.loss.item<double>() : 0.0;
  if (std::isfinite(norm) && std::isfinite(loss)) {
    const auto factors = make_factors(options, norm);
    for_each_chunk(chunks, [&](size_t i) {
      const auto range = range_of(tensors, chunks[i]);
      with_gradients(chunks[i], [&](const auto* values) { adam_range(range, values, factors); });
    });
  }
  return torch::full({}, norm, torch::kFloat32);
}

}  // namespace ddpm
