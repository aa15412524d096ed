#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "ddpm/model/parameter_role.h"

namespace ddpm {

/// Sinusoidal embedding of timesteps, as diffusers' `get_timestep_embedding`.
///
/// `timesteps` is [N], of any number type; the result is [N, dim] float32, an odd `dim` padded with
/// a zero. Frequencies are 10000^(-i / (dim/2 - freq_shift)); `flip_sin_to_cos` puts cosines first.
torch::Tensor timestep_embedding(const torch::Tensor& timesteps, int64_t dim, bool flip_sin_to_cos,
                                 double freq_shift);

/// Linear, SiLU, Linear: [N, in] to [N, out].
class TimestepEmbeddingImpl : public RoledModule {
 public:
  TimestepEmbeddingImpl(int64_t in_channels, int64_t time_embed_dim);
  torch::Tensor forward(const torch::Tensor& sample);

 private:
  torch::nn::Linear linear_1_;
  torch::nn::Linear linear_2_;
};
TORCH_MODULE(TimestepEmbedding);

}  // namespace ddpm
