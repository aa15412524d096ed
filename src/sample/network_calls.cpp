#include "ddpm/sample/network_calls.h"

#include <torch/types.h>

namespace ddpm {
namespace {

torch::Tensor equal_timesteps(const torch::Tensor& x, double t) {
  return torch::full({x.size(0)}, t, torch::device(x.device()).dtype(torch::kFloat32));
}

}  // namespace

NetworkCalls::NetworkCalls(Network network, GraphFactory graphs)
    : network_(std::move(network)),
      graphs_(std::move(graphs)) {}

bool NetworkCalls::fits(const torch::Tensor& x) const {
  return work_ != nullptr && x.size(0) <= x_.size(0) && x.sizes().slice(1) == x_.sizes().slice(1);
}

void NetworkCalls::prepare(const torch::Tensor& x, const Conditioning& conditioning) {
  work_.reset();
  x_ = x.clone();
  timesteps_ = equal_timesteps(x, 0);
  conditioning_ = conditioning.clone();
  auto shape = x.sizes().vec();
  shape[1] = network_->signature().out_channels;
  output_ = torch::empty(shape, torch::device(x.device()));
  work_ = std::make_unique<GraphedWork>(graphs_, "network call of the sampler", [this] {
    output_.copy_(network_->forward(x_, timesteps_, conditioning_));
  });
}

torch::Tensor NetworkCalls::run(const torch::Tensor& x, double t,
                                const Conditioning& conditioning) {
  if (!graphs_)
    return network_->forward(x, equal_timesteps(x, t), conditioning).to(torch::kFloat32);
  if (!fits(x)) prepare(x, conditioning);
  const int64_t size = x.size(0);
  x_.narrow(0, 0, size).copy_(x);
  timesteps_.fill_(t);
  conditioning_.copy_(conditioning);
  work_->run();
  return output_.narrow(0, 0, size).clone();  // the next call overwrites the output
}

}  // namespace ddpm
