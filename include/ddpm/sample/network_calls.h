#pragma once

#include <memory>

#include <torch/types.h>

#include "ddpm/model/conditioning.h"
#include "ddpm/model/network.h"
#include "ddpm/runtime/work_graph.h"

namespace ddpm {

/// The calls of a network while images are drawn, without gradients.
class NetworkCalls {
 public:
  /// With `graphs` a call is recorded as a graph for the largest batch so far; smaller batches ride
  /// in the first rows of it, so that the last batch of many costs no new recording.
  NetworkCalls(Network network, GraphFactory graphs);
  NetworkCalls(const NetworkCalls&) = delete;
  NetworkCalls& operator=(const NetworkCalls&) = delete;

  /// The network's answer to images `x` [N, C, H, W] that are all at timestep `t`, in float32.
  /// `conditioning` has a row an image, on the network's device; all calls have the same tensors.
  torch::Tensor run(const torch::Tensor& x, double t, const Conditioning& conditioning);

 private:
  bool fits(const torch::Tensor& x) const;
  void prepare(const torch::Tensor& x, const Conditioning& conditioning);

  Network network_;
  GraphFactory graphs_;
  torch::Tensor x_;  // what the graph reads
  torch::Tensor timesteps_;
  Conditioning conditioning_;
  torch::Tensor output_;  // what it writes
  std::unique_ptr<GraphedWork> work_;
};

}  // namespace ddpm
