#include "ddpm/sample/network_calls.h"

#include <torch/types.h>

namespace ddpm {
namespace {

torch::Tensor equal_timesteps(const torch::Tensor& x, double t) {
  return torch::full({x.size(0)}, t, torch::device(x.device()).dtype(torch::kFloat32));
}

}  // namespace

NetworkCalls::NetworkCalls(UNet unet, GraphFactory graphs)
    : unet_(std::move(unet)),
      graphs_(std::move(graphs)) {}

bool NetworkCalls::fits(const torch::Tensor& x) const {
  return work_ != nullptr && x.size(0) <= x_.size(0) && x.sizes().slice(1) == x_.sizes().slice(1);
}

void NetworkCalls::prepare(const torch::Tensor& x, const torch::Tensor& labels) {
  work_.reset();
  x_ = x.clone();
  timesteps_ = equal_timesteps(x, 0);
  labels_ = labels.defined() ? labels.clone() : labels;
  auto shape = x.sizes().vec();
  shape[1] = unet_->config().out_channels;
  output_ = torch::empty(shape, torch::device(x.device()));
  work_ = std::make_unique<GraphedWork>(graphs_, "network call of the sampler", [this] {
    output_.copy_(unet_->forward(x_, timesteps_, labels_));
  });
}

torch::Tensor NetworkCalls::run(const torch::Tensor& x, double t, const torch::Tensor& labels) {
  if (!graphs_) return unet_->forward(x, equal_timesteps(x, t), labels).to(torch::kFloat32);
  if (!fits(x)) prepare(x, labels);
  const int64_t size = x.size(0);
  x_.narrow(0, 0, size).copy_(x);
  timesteps_.fill_(t);
  if (labels.defined()) labels_.narrow(0, 0, size).copy_(labels);
  work_->run();
  return output_.narrow(0, 0, size).clone();  // the next call overwrites the output
}

}  // namespace ddpm
