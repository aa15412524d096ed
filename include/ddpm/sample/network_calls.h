#pragma once

#include <memory>

#include <torch/types.h>

#include "ddpm/model/unet.h"
#include "ddpm/runtime/work_graph.h"

namespace ddpm {

/// The calls of a network while images are drawn, without gradients.
class NetworkCalls {
 public:
  /// With `graphs` a call is recorded as a graph for the largest batch so far; smaller batches ride
  /// in the first rows of it, so that the last batch of many costs no new recording.
  NetworkCalls(UNet unet, GraphFactory graphs);
  NetworkCalls(const NetworkCalls&) = delete;
  NetworkCalls& operator=(const NetworkCalls&) = delete;

  /// The network's answer to images `x` [N, C, H, W] that are all at timestep `t`, in float32.
  /// `labels` is [N] int64, undefined for an unconditional net.
  torch::Tensor run(const torch::Tensor& x, double t, const torch::Tensor& labels);

 private:
  bool fits(const torch::Tensor& x) const;
  void prepare(const torch::Tensor& x, const torch::Tensor& labels);

  UNet unet_;
  GraphFactory graphs_;
  torch::Tensor x_;  // what the graph reads
  torch::Tensor timesteps_;
  torch::Tensor labels_;
  torch::Tensor output_;  // what it writes
  std::unique_ptr<GraphedWork> work_;
};

}  // namespace ddpm
