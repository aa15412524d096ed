#include "ddpm/sample/generator.h"

#include <numeric>

#include <torch/types.h>

#include "ddpm/samplers/guidance.h"
#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

/// Noise [N, C, H, W] on the CPU, image i from its own seed.
torch::Tensor seeded_noise(const std::vector<uint64_t>& seeds, RandomPurpose purpose,
                           uint64_t index, const std::vector<int64_t>& image_shape) {
  std::vector<int64_t> shape = image_shape;
  shape.insert(shape.begin(), static_cast<int64_t>(seeds.size()));
  auto noise = torch::empty(shape);
  const auto size = static_cast<size_t>(noise.numel()) / seeds.size();
  for (size_t i = 0; i < seeds.size(); ++i)
    fill_normal({seeds[i], purpose, index}, {noise.data_ptr<float>() + i * size, size});
  return noise;
}

}  // namespace

void check_guidance(const ModelConfig& model, double guidance) {
  if (guidance == 1.0 || model.null_class_label) return;
  if (!model.num_class_embeds) {
    throw UserError("--guidance ", guidance,
                    ": the model has no classes, so there is nothing to "
                    "guide towards; expected 1");
  }
  throw UserError("--guidance ", guidance,
                  ": the model was trained without label dropout "
                  "(train.label_dropout 0) and knows no 'no class'; expected 1");
}

int64_t num_classes(const ModelConfig& model) {
  return model.num_class_embeds.value_or(0) - (model.null_class_label ? 1 : 0);
}

std::vector<int64_t> cycle_labels(const ModelConfig& model, const std::vector<int64_t>& classes,
                                  int64_t count) {
  if (!model.num_class_embeds) return {};
  std::vector<int64_t> all(static_cast<size_t>(num_classes(model)));
  std::iota(all.begin(), all.end(), int64_t{0});
  const auto& cycle = classes.empty() ? all : classes;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i)
    labels.push_back(cycle[static_cast<size_t>(i) % cycle.size()]);
  return labels;
}

Generator::Generator(UNet unet, const DiffusionConfig& diffusion, const SampleConfig& options,
                     torch::Device device, const GraphFactory& graphs)
    : unet_(std::move(unet)),
      calls_(unet_, graphs),
      schedule_(diffusion),
      prediction_type_(diffusion.prediction_type),
      options_(options),
      device_(device) {
  check_guidance(unet_->config(), options.guidance);
}

Denoiser Generator::make_denoiser(const std::vector<int64_t>& labels) {
  const auto network = [this](const torch::Tensor& x, int64_t t, const torch::Tensor& classes) {
    return calls_.run(x, t, classes);
  };
  if (labels.empty()) return with_labels(network, {});
  const auto classes = torch::tensor(labels, torch::kInt64).to(device_);
  return with_guidance(network, classes, unet_->config().null_class_label.value_or(0),
                       options_.guidance);
}

torch::Tensor Generator::generate(const GenerationRequest& request, const StepObserver& on_step) {
  const c10::InferenceMode inference;
  unet_->eval();
  const auto& model = unet_->config();
  const std::vector<int64_t> shape{model.in_channels, model.sample_size.at(0),
                                   model.sample_size.at(1)};
  const auto noise = [&](RandomPurpose purpose, int64_t index) {
    return seeded_noise(request.seeds, purpose, static_cast<uint64_t>(index), shape).to(device_);
  };
  const auto x_T = request.initial_noise.defined() ? request.initial_noise.to(device_)
                                                   : noise(RandomPurpose::kInitialNoise, 0);
  const SamplerInputs inputs{
      .schedule = schedule_,
      .prediction_type = prediction_type_,
      .options = options_,
      .denoise = make_denoiser(request.labels),
      .noise = [&](int64_t step) { return noise(RandomPurpose::kSamplerNoise, step); },
      .on_step = on_step,
  };
  return run_sampler(inputs, x_T).to(torch::kCPU).contiguous();
}

}  // namespace ddpm
