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

/// The network under this condition. `calls` and `process` must outlive what this gives.
RawDenoiser conditioned(NetworkCalls& calls, const Process& process, Conditioning conditioning) {
  return [&calls, &process, conditioning = std::move(conditioning)](const torch::Tensor& x,
                                                                    const NoiseLevel& level) {
    const double scale = process.input_scale(level);
    return calls.run(scale == 1.0 ? x : x * scale, level.t, conditioning);
  };
}

}  // namespace

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

Generator::Generator(Network network, const DiffusionConfig& diffusion, const SampleConfig& options,
                     torch::Device device, const GraphFactory& graphs)
    : network_(std::move(network)),
      calls_(network_, graphs),
      process_(make_process(diffusion)),
      options_(options),
      levels_(sampling_levels(*process_, options)),
      device_(device) {}

void Generator::guide_with(Network weaker, const DiffusionConfig& diffusion) {
  weaker_ = std::make_unique<Weaker>(std::move(weaker), diffusion);
}

void Generator::guide_by_classifier(LabelGradient gradient, double scale) {
  classifier_ = Classifier{.gradient = std::move(gradient), .scale = scale};
}

Denoiser Generator::make_guided(const Conditioning& wanted) {
  auto network = conditioned(calls_, *process_, wanted);
  if (weaker_) {
    auto weak = conditioned(weaker_->calls, *weaker_->process, wanted);
    return with_autoguidance(ddpm::make_denoiser(*process_, std::move(network)),
                             ddpm::make_denoiser(*weaker_->process, std::move(weak)), options_);
  }
  if (!wanted.labels.defined()) return ddpm::make_denoiser(*process_, std::move(network));
  const int64_t null_label = signature().null_label.value_or(0);
  auto other = wanted;
  other.labels = torch::full_like(wanted.labels, options_.negative_class.value_or(null_label));
  auto both = conditioned(calls_, *process_, cat(other, wanted));
  return ddpm::make_denoiser(*process_,
                             with_guidance(std::move(network), std::move(both), options_));
}

Denoiser Generator::make_denoiser(const std::vector<int64_t>& labels) {
  const auto classes =
      labels.empty() ? torch::Tensor() : torch::tensor(labels, torch::kInt64).to(device_);
  const bool takes_labels = signature().classes > 0;  // else they are the classifier's
  auto denoise = make_guided({.labels = takes_labels ? classes : torch::Tensor()});
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
  const auto& size = signature().sample_size;
  const std::vector<int64_t> shape{signature().data_channels, size.at(0), size.at(1)};
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
  network_->eval();
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
