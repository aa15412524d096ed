#include "ddpm/model/embeddings.h"

#include <cmath>

#include <torch/types.h>

namespace ddpm {

torch::Tensor timestep_embedding(const torch::Tensor& timesteps, int64_t dim, bool flip_sin_to_cos,
                                 double freq_shift) {
  TORCH_CHECK(timesteps.dim() == 1, "timesteps must be one-dimensional");
  const int64_t half = dim / 2;
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(timesteps.device());
  const double step = -std::log(10000.0) / (static_cast<double>(half) - freq_shift);
  const auto frequencies = torch::exp(torch::arange(half, options) * step);
  const auto angles = timesteps.to(torch::kFloat32).unsqueeze(1) * frequencies.unsqueeze(0);
  const auto sines = torch::sin(angles);
  const auto cosines = torch::cos(angles);
  auto embedding =
      flip_sin_to_cos ? torch::cat({cosines, sines}, 1) : torch::cat({sines, cosines}, 1);
  return dim % 2 == 1 ? torch::constant_pad_nd(embedding, {0, 1}) : embedding;
}

TimestepEmbeddingImpl::TimestepEmbeddingImpl(int64_t in_channels, int64_t time_embed_dim)
    : linear_1_(register_layer("linear_1", torch::nn::Linear(in_channels, time_embed_dim),
                               ParameterRole::kFirst)),
      linear_2_(register_layer("linear_2", torch::nn::Linear(time_embed_dim, time_embed_dim),
                               ParameterRole::kFirst)) {}

torch::Tensor TimestepEmbeddingImpl::forward(const torch::Tensor& sample) {
  return linear_2_(torch::silu(linear_1_(sample.to(linear_1_->weight.scalar_type()))));
}

}  // namespace ddpm
