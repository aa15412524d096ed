#include "ddpm/kernels/adam.h"

#include <algorithm>
#include <cmath>

#include <ATen/Parallel.h>
#include <ATen/record_function.h>

#include "ddpm/kernels/adam_loops.h"
#include "ddpm/kernels/gradient_scale.h"

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

/// The numbers of `flat` that the part's gradient is for.
torch::Tensor numbers_of(const torch::Tensor& flat, const GradientPart& part) {
  return flat.as_strided(part.gradient.sizes(), part.gradient.strides(),
                         flat.storage_offset() + part.offset);
}

torch::Tensor reference_norm(const std::vector<GradientPart>& gradients) {
  std::vector<torch::Tensor> norms;
  for (const auto& part : gradients)
    norms.push_back(part.gradient.to(torch::kFloat32).norm());
  return torch::stack(norms).norm();
}

}  // namespace

torch::Tensor gradient_norm(const std::vector<GradientPart>& gradients) {
  TORCH_CHECK(!gradients.empty(), "a norm of no gradients");
  if (!gradients.front().gradient.is_cpu()) return reference_norm(gradients);
  return torch::full({}, norm_of(split_chunks(gradients)), torch::kFloat32);
}

torch::Tensor adam_step_reference(const AdamTensors& tensors,
                                  const std::vector<GradientPart>& parts,
                                  const AdamOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto norm = options.norm.defined() ? options.norm : reference_norm(parts);
  const auto scale = gradient_scale(norm, options.max_grad_norm, options.loss);
  const auto found_inf = scale.finite.logical_not().to(torch::kFloat32);
  std::vector<torch::Tensor> gradients;
  std::vector<torch::Tensor> weights;
  std::vector<torch::Tensor> exp_avgs;
  std::vector<torch::Tensor> exp_avg_sqs;
  for (const auto& part : parts) {
    gradients.push_back(part.gradient.to(torch::kFloat32) * scale.factor);
    weights.push_back(numbers_of(tensors.weights, part));
    exp_avgs.push_back(numbers_of(tensors.exp_avg, part));
    exp_avg_sqs.push_back(numbers_of(tensors.exp_avg_sq, part));
  }
  const auto step = torch::full({}, static_cast<double>(options.step), tensors.weights.options());
  const std::vector<torch::Tensor> steps(parts.size(), step);
  const auto adam =
      options.decoupled_decay ? at::_ops::_fused_adamw_::call : at::_ops::_fused_adam_::call;
  adam(weights, gradients, exp_avgs, exp_avg_sqs, {}, steps, options.lr, options.beta1,
       options.beta2, options.weight_decay, options.eps, /*amsgrad=*/false,
       /*maximize=*/false, /*grad_scale=*/std::nullopt, found_inf);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto ema = numbers_of(tensors.ema, parts[i]);
    ema.lerp_(weights[i], (1.0 - options.ema_decay) * (1.0 - found_inf));
    if (tensors.bf16_weights.defined())
      numbers_of(tensors.bf16_weights, parts[i]).copy_(weights[i]);
  }
  return norm;
}

torch::Tensor adam_step(const AdamTensors& tensors, const std::vector<GradientPart>& gradients,
                        const AdamOptions& options) {
  if (!tensors.weights.is_cpu()) return adam_step_reference(tensors, gradients, options);
  RECORD_FUNCTION("ddpm::adam", std::vector<c10::IValue>());
  const auto chunks = split_chunks(gradients);
  const double norm = options.norm.defined() ? options.norm.item<double>() : norm_of(chunks);
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
