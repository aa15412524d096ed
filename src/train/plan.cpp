#include "ddpm/train/plan.h"

#include <chrono>

#include <torch/types.h>

#include "ddpm/config/rules.h"
#include "ddpm/train/training_model.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

double seconds_of_one_step(const Config& config, torch::Device device, Precision precision) {
  const auto& model = config.model;
  TrainingModel training(model, 0, device, precision);
  const int64_t batch = config.train.batch_size / config.train.gradient_accumulation_steps;
  const auto on_device = torch::device(device);
  const auto x = torch::zeros(
      {batch, model.in_channels, model.sample_size[0], model.sample_size[1]}, on_device);
  const auto target = torch::zeros(
      {batch, model.out_channels, model.sample_size[0], model.sample_size[1]}, on_device);
  const auto timesteps = torch::zeros({batch}, on_device.dtype(torch::kInt64));
  const auto labels = model.num_class_embeds ? timesteps : torch::Tensor();
  const auto step = [&] {
    denoising_loss(training.unet(), x, timesteps, labels, target).backward();
    training.update(config.train, 0, 0.0).item<float>();
  };
  step();  // the first one pays for set-up
  const auto start = std::chrono::steady_clock::now();
  step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Config complete_config(Config config, const DatasetInfo& data) {
  auto& model = config.model;
  model.in_channels = data.channels;
  model.out_channels = data.channels;
  model.sample_size = {data.height, data.width};
  check_image_size(model, data.height, data.width);
  model.num_class_embeds.reset();
  model.null_class_label.reset();
  model.class_names.clear();
  if (!model.class_conditional) return config;
  if (data.num_classes == 0) {
    throw UserError("model.class_conditional is true but ", data.where,
                    " has no classes; set model.class_conditional to false, or sort the images "
                    "into one sub-folder a class");
  }
  const bool null_row = config.train.label_dropout > 0;
  model.num_class_embeds = data.num_classes + (null_row ? 1 : 0);
  if (null_row) model.null_class_label = data.num_classes;
  model.class_names = data.class_names;
  return config;
}

int64_t estimate_training_bytes(const Config& config, int64_t parameters, int64_t activations) {
  const int64_t float_copies = config.train.gradient_accumulation_steps > 1 ? 5 : 4;
  constexpr int64_t kFloatBytes = 4;
  const bool half = config.train.precision == Precision::kBFloat16;
  const int64_t batch = config.train.batch_size / config.train.gradient_accumulation_steps;
  const int64_t compute_bytes = half ? 2 : kFloatBytes;
  const int64_t compute_copies = half ? 2 : 1;  // weights, and the backward pass's gradients
  return (float_copies * kFloatBytes + compute_copies * compute_bytes) * parameters +
         batch * activations * compute_bytes;
}

Precision probe_precision(const Config& config, torch::Device device) {
  const double plain = seconds_of_one_step(config, device, Precision::kFloat32);
  const double half = seconds_of_one_step(config, device, Precision::kBFloat16);
  return half < plain ? Precision::kBFloat16 : Precision::kFloat32;
}

}  // namespace ddpm
