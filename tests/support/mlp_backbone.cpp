#include "tests/support/mlp_backbone.h"

#include <algorithm>

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "ddpm/checkpoint/components.h"
#include "ddpm/model/embeddings.h"

namespace ddpm {
namespace {

using nlohmann::json;

int64_t width_of(const NetworkConfig& config) {
  return config.model.block_out_channels.front();
}

class MlpImpl : public NetworkImpl {
 public:
  explicit MlpImpl(const NetworkConfig& config)
      : config_(config),
        width_(width_of(config)),
        pixels_(config.signature.sample_size.at(0) * config.signature.sample_size.at(1)),
        first_(register_layer("first", torch::nn::Linear(signature().in_channels * pixels_, width_),
                              ParameterRole::kFirst)),
        time_(register_module("time", TimestepEmbedding(width_, width_))),
        labels_(register_layer(
            "labels", torch::nn::Embedding(std::max<int64_t>(1, signature().labels()), width_),
            ParameterRole::kEmbedding)),
        middle_(
            register_layer("middle", torch::nn::Linear(width_, width_), ParameterRole::kMatrix)),
        end_(register_layer("end", torch::nn::Linear(width_, width_), ParameterRole::kResidualEnd)),
        last_(register_layer("last", torch::nn::Linear(width_, signature().out_channels * pixels_),
                             ParameterRole::kLast)) {}

  torch::Tensor forward(const torch::Tensor& sample, const torch::Tensor& timesteps,
                        const Conditioning& conditioning) override {
    const auto time = time_(timestep_embedding(timesteps, width_, true, 0));
    auto hidden = first_(sample.flatten(1)) + time;
    if (conditioning.labels.defined()) hidden = hidden + labels_(conditioning.labels);
    const auto output = last_(hidden + end_(torch::silu(middle_(torch::silu(hidden)))));
    return output.view({-1, signature().out_channels, sample.size(2), sample.size(3)});
  }

  const Signature& signature() const override { return config_.signature; }
  void enable_gradient_checkpointing(bool) override {}
  Cost cost(int64_t, int64_t) const override { return {.macs = parameter_count()}; }

 private:
  NetworkConfig config_;
  int64_t width_;
  int64_t pixels_;
  torch::nn::Linear first_;
  TimestepEmbedding time_;
  torch::nn::Embedding labels_;
  torch::nn::Linear middle_;
  torch::nn::Linear end_;
  torch::nn::Linear last_;
};

json write(const NetworkConfig& network) {
  const auto& signature = network.signature;
  return {{"_class_name", "Mlp"},
          {"width", width_of(network)},
          {"channels", {signature.in_channels, signature.out_channels}},
          {"sample_size", signature.sample_size},
          {"classes", signature.classes}};
}

NetworkConfig read(const json& object, const std::string&) {
  NetworkConfig network;
  network.model.block_out_channels = {object.at("width").get<int64_t>()};
  auto& signature = network.signature;
  signature.in_channels = signature.data_channels = object.at("channels").at(0);
  signature.out_channels = object.at("channels").at(1);
  object.at("sample_size").get_to(signature.sample_size);
  signature.classes = object.at("classes");
  signature.null_label = signature.classes;
  return network;
}

Network make(const NetworkConfig& network) {
  return std::make_shared<MlpImpl>(network);
}

uint64_t least_parameters(const NetworkConfig& network) {
  return static_cast<uint64_t>(2 * width_of(network) * width_of(network));
}

}  // namespace

void register_mlp() {
  static const bool once = [] {
    register_component({.name = "mlp",
                        .use = NetworkUse::kDenoise,
                        .library = "ddpm",
                        .class_name = "Mlp",
                        .weights_file = "model.safetensors",
                        .write = write,
                        .read = read,
                        .make = make,
                        .least_parameters = least_parameters});
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace ddpm
