#include "ddpm/sample/generator.h"

#include <numeric>

#include <torch/types.h>

#include "ddpm/samplers/levels.h"
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
  std::vector<RandomKey> keys;
  for (const uint64_t seed : seeds)
    keys.push_back({seed, purpose, index});
  fill_normal_rows(keys, {noise.data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise;
}

/// Both must outlive what this gives.
ConditionalNetwork network_of(NetworkCalls& calls, const Process& process) {
  return [&calls, &process](const torch::Tensor& x, const NoiseLevel& level,
                            const torch::Tensor& labels) {
    const double scale = process.input_scale(level);
    return calls.run(scale == 1.0 ? x : x * scale, level.t, labels);
  };
}

}  // namespace

void check_guidance(const ModelConfig& model, const SampleConfig& options) {
  const double guidance = options.guidance;
  const int64_t classes = num_classes(model);
  if (options.negative_class && *options.negative_class >= classes)
    throw UserError("sample.negative_class ", *options.negative_class, ": the model has ", classes,
                    " classes, numbered from 0");
  if (guidance == 1.0 || model.null_class_label || options.negative_class) return;
  if (!model.num_class_embeds) {
    throw UserError("sample.guidance ", guidance,
                    ": the model has no classes, so there is nothing to guide towards; expected "
                    "--sample.guidance 1");
  }
  throw UserError("sample.guidance ", guidance,
                  ": the model was trained without label dropout (train.label_dropout 0) and knows "
                  "no 'no class'; expected --sample.guidance 1, or a --negative-class");
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

GenerationRequest request_of_part(uint64_t seed, const std::vector<int64_t>& labels, int64_t first,
                                  int64_t count) {
  GenerationRequest request;
  request.seeds.resize(static_cast<size_t>(count));
  std::iota(request.seeds.begin(), request.seeds.end(), seed + static_cast<uint64_t>(first));
  if (!labels.empty()) {
    request.labels.assign(labels.begin() + first, labels.begin() + first + count);
  }
  return request;
}

Generator::Generator(UNet unet, const DiffusionConfig& diffusion, const SampleConfig& options,
                     torch::Device device, const GraphFactory& graphs)
    : unet_(std::move(unet)),
      calls_(unet_, graphs),
      process_(make_process(diffusion)),
      options_(options),
      levels_(sampling_levels(*process_, options)),
      device_(device) {}

void Generator::guide_with(UNet weaker, const DiffusionConfig& diffusion) {
  weaker_ = std::make_unique<Weaker>(std::move(weaker), diffusion);
}

void Generator::guide_by_classifier(LabelGradient gradient, double scale) {
  classifier_ = Classifier{.gradient = std::move(gradient), .scale = scale};
}

Denoiser Generator::make_guided(const torch::Tensor& labels) {
  auto network = network_of(calls_, *process_);
  if (weaker_) {
    auto weak = with_labels(network_of(weaker_->calls, *weaker_->process), labels);
    return with_autoguidance(ddpm::make_denoiser(*process_, with_labels(network, labels)),
                             ddpm::make_denoiser(*weaker_->process, std::move(weak)), options_);
  }
  if (!labels.defined()) return ddpm::make_denoiser(*process_, with_labels(network, labels));
  const int64_t null_label = unet_->config().null_class_label.value_or(0);
  return ddpm::make_denoiser(
      *process_,
      with_guidance(network, labels, options_.negative_class.value_or(null_label), options_));
}

Denoiser Generator::make_denoiser(const std::vector<int64_t>& labels) {
  const auto classes =
      labels.empty() ? torch::Tensor() : torch::tensor(labels, torch::kInt64).to(device_);
  const bool told = unet_->config().num_class_embeds.has_value();  // labels may be the classifier's
  auto denoise = make_guided(told ? classes : torch::Tensor());
  if (classifier_) {
    denoise = with_classifier_guidance(
        std::move(denoise),
        [this, classes](const torch::Tensor& x, const NoiseLevel& level) {
          const torch::AutoGradMode with_gradients(true);
          return classifier_->gradient(x, level, classes).detach();
        },
        classifier_->scale);
  }
  return with_clipping(std::move(denoise), options_);
}

NoiseSource Generator::noise_of(const GenerationRequest& request, RandomPurpose purpose) const {
  const auto& model = unet_->config();
  const std::vector<int64_t> shape{model.in_channels, model.sample_size.at(0),
                                   model.sample_size.at(1)};
  return [seeds = request.seeds, purpose, shape, device = device_](int64_t index) {
    return seeded_noise(seeds, purpose, static_cast<uint64_t>(index), shape).to(device);
  };
}

torch::Tensor Generator::start_of(const GenerationRequest& request) const {
  const auto x_T = request.initial_noise.defined()
                       ? request.initial_noise.to(device_)
                       : noise_of(request, RandomPurpose::kInitialNoise)(0);
  return x_T * process_->start_scale(levels_.front());
}

torch::Tensor Generator::run(const GenerationRequest& request, const StepObserver& on_step,
                             const std::function<torch::Tensor(const SamplerInputs&)>& run) {
  const torch::NoGradGuard no_grad;
  std::optional<c10::InferenceMode> inference;
  if (!classifier_) inference.emplace();  // its tensors can never take part in a backward pass
  unet_->eval();
  const SamplerInputs inputs{
      .process = *process_,
      .options = options_,
      .levels = levels_,
      .denoise = make_denoiser(request.labels),
      .noise = noise_of(request, RandomPurpose::kSamplerNoise),
      .on_step = on_step,
  };
  return run(inputs).to(torch::kCPU).contiguous();
}

torch::Tensor Generator::generate(const GenerationRequest& request, const StepObserver& on_step) {
  return run(request, on_step,
             [&](const SamplerInputs& inputs) { return run_sampler(inputs, start_of(request)); });
}

}  // namespace ddpm
