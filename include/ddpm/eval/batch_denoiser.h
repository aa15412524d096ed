#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

#include "ddpm/diffusion/process.h"
#include "ddpm/model/conditioning.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// What images x [N, C, H, W] float64, each at its own noise level, are thought to be made of.
/// `rows` [N] int64 on the CPU says which images of the batch they are, for labels and the like.
using BatchDenoiser = std::function<Prediction(const torch::Tensor& x, const NoiseLevels& levels,
                                               const torch::Tensor& rows)>;

/// The levels as a batch: alpha and sigma [N, 1, 1, 1] and t [N], all float64, on `device`.
NoiseLevels stack_levels(const std::vector<NoiseLevel>& levels, torch::Device device);

/// A network as a denoiser of its process, which must outlive it. `conditioning`, on the net's
/// device, has a row for each image of the batch. Gradients flow to x if grad mode is on. Nothing
/// is clipped or guided.
BatchDenoiser make_batch_denoiser(const Process& process, Network network,
                                  Conditioning conditioning);

}  // namespace ddpm
