#include "ddpm/train/plan.h"

#include <chrono>

#include <torch/types.h>

#include "ddpm/checkpoint/components.h"
#include "ddpm/config/names.h"
#include "ddpm/config/network_config.h"
#include "ddpm/config/rules.h"
#include "ddpm/train/objective_table.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

double seconds_of_one_step(Config config, torch::Device device, Precision precision) {
  config.train.precision = precision;
  const auto& signature = config.signature;
  const auto& size = signature.sample_size;
  auto training = make_training_model(config, device);
  const int64_t batch = micro_batch_size(config.train);
  const auto on_device = torch::device(device);
  const auto x = torch::zeros({batch, signature.data_channels, size[0], size[1]}, on_device);
  const auto timesteps = torch::zeros({batch}, on_device.dtype(torch::kInt64));
  const bool told = signature.classes > 0 && !objective_kind(config.train.task).answers_classes;
  const int64_t augment = signature.augment_labels;
  const Conditioning conditioning{
      .labels = told ? timesteps : torch::Tensor(),
      .augment = augment > 0 ? torch::zeros({batch, augment}, on_device) : torch::Tensor()};
  const auto step = [&] {
    const auto output = training.net()->forward(x, timesteps, conditioning);
    const auto loss = output.to(torch::kFloat32).square().mean();
    loss.backward();
    training.update(config.train, 0, 0.0, loss.detach()).item<float>();
  };
  step();  // the first one pays for set-up
  const auto start = std::chrono::steady_clock::now();
  step();
  const double part =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return part * static_cast<double>(config.train.gradient_accumulation_steps);
}

}  // namespace

Config complete_config(Config config, const TrainingData& data) {
  const auto& spec = data.spec();
  auto& signature = config.signature;
  signature = {};
  signature.data_channels = spec.channels;
  signature.in_channels = spec.channels;
  const bool learned = config.diffusion.variance == Variance::kLearnedRange;
  signature.out_channels = (learned ? 2 : 1) * spec.channels;
  if (learned) config.sample.variance_type = VarianceType::kLearnedRange;
  signature.sample_size = {spec.height, spec.width};
  check_image_size(config, spec.height, spec.width);
  const bool answers_classes = objective_kind(config.train.task).answers_classes;
  if (answers_classes && spec.num_classes < 2) {
    throw UserError("train.task is ", to_name(config.train.task), " but ", data.where(), " has ",
                    spec.num_classes == 0 ? "no classes" : "one class only",
                    "; sort the images into one sub-folder a class");
  }
  if (!answers_classes) signature.augment_labels = data.augment_labels();
  if (!config.model.class_conditional && !answers_classes) return config;
  if (spec.num_classes == 0) {
    throw UserError("model.class_conditional is true but ", data.where(),
                    " has no classes; set model.class_conditional to false, or sort the images "
                    "into one sub-folder a class");
  }
  signature.classes = spec.num_classes;
  if (!answers_classes && config.train.label_dropout > 0) signature.null_label = spec.num_classes;
  signature.class_names = spec.class_names;
  return config;
}

int64_t micro_batch_size(const TrainConfig& config) {
  return config.batch_size / config.gradient_accumulation_steps;
}

TrainingModel make_training_model(const Config& config, torch::Device device) {
  return {[&config] { return make_network(network_config(config)); },
          static_cast<uint64_t>(config.train.seed), device, config.train.precision};
}

int64_t estimate_training_bytes(const Config& config, torch::Device device, int64_t parameters,
                                int64_t activations) {
  const bool gathered = config.train.gradient_accumulation_steps > 1 || !device.is_cpu();
  const int64_t float_copies = gathered ? 5 : 4;
  constexpr int64_t kFloatBytes = 4;
  const bool half = config.train.precision == Precision::kBFloat16;
  const int64_t batch = micro_batch_size(config.train);
  const int64_t compute_bytes = half ? 2 : kFloatBytes;
  const int64_t compute_copies = half ? 2 : 1;  // weights, and the backward pass's gradients
  constexpr int64_t kProgram = 200'000'000;     // libraries and the like
  // The backward pass works on about as much as the forward pass has kept.
  return kProgram + (float_copies * kFloatBytes + compute_copies * compute_bytes) * parameters +
         2 * batch * activations * compute_bytes;
}

StepProbe probe_step(const Config& config, torch::Device device) {
  if (config.train.precision != Precision::kAuto)
    return {.precision = config.train.precision,
            .seconds = seconds_of_one_step(config, device, config.train.precision)};
  const double plain = seconds_of_one_step(config, device, Precision::kFloat32);
  const double half = seconds_of_one_step(config, device, Precision::kBFloat16);
  if (half < plain) return {.precision = Precision::kBFloat16, .seconds = half};
  return {.precision = Precision::kFloat32, .seconds = plain};
}

Precision probe_precision(const Config& config, torch::Device device) {
  return probe_step(config, device).precision;
}

}  // namespace ddpm
