#include "ddpm/sample/editing.h"

#include <memory>

#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/config/sampler_traits.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

KnownPart on_device(const KnownPart& known, const torch::Device& device) {
  return {.image = known.image.to(device), .keep = known.keep.to(device)};
}

/// Passes predictions on, and keeps the image of each call.
Denoiser with_record(Denoiser denoise, std::shared_ptr<std::vector<torch::Tensor>> record) {
  return [denoise = std::move(denoise), record = std::move(record)](const torch::Tensor& x,
                                                                    const NoiseLevel& level) {
    auto prediction = denoise(x, level);
    record->push_back(prediction.x0);
    return prediction;
  };
}

}  // namespace

torch::Tensor invert_images(Generator& generator, const GenerationRequest& request,
                            const torch::Tensor& images, Inversion method,
                            const StepObserver& on_step) {
  return generator.run(request, on_step, [&](const SamplerInputs& inputs) {
    const auto x = invert(inputs, method, images.to(generator.device()));
    return x / generator.process().start_scale(inputs.levels.front());
  });
}

torch::Tensor inpaint_images(Generator& generator, const GenerationRequest& request,
                             const KnownPart& known, const RepaintJumps& jumps,
                             const StepObserver& on_step) {
  return generator.run(request, on_step, [&](const SamplerInputs& inputs) {
    return run_repaint(inputs, on_device(known, generator.device()),
                       generator.noise_of(request, RandomPurpose::kKnownNoise), jumps,
                       generator.start_of(request));
  });
}

torch::Tensor edit_images(Generator& generator, const GenerationRequest& request,
                          const SdEdit& edit, const torch::Tensor& images,
                          const StepObserver& on_step) {
  return generator.run(request, on_step, [&](const SamplerInputs& inputs) {
    SdEdit here = edit;
    if (edit.known) here.known = on_device(*edit.known, generator.device());
    return run_sdedit(inputs, here, generator.noise_of(request, RandomPurpose::kInitialNoise),
                      images.to(generator.device()));
  });
}

torch::Tensor generate_strips(Generator& generator, const GenerationRequest& request,
                              int64_t pictures, const StepObserver& on_step) {
  return generator.run(request, on_step, [&](const SamplerInputs& inputs) {
    const auto record = std::make_shared<std::vector<torch::Tensor>>();
    SamplerInputs recorded = inputs;
    recorded.denoise = with_record(inputs.denoise, record);
    const auto end = run_sampler(recorded, generator.start_of(request));
    const auto calls = static_cast<int64_t>(record->size());
    std::vector<torch::Tensor> strip;
    for (int64_t i = 0; i + 1 < pictures; ++i)
      strip.push_back(record->at(static_cast<size_t>(i * calls / (pictures - 1))));
    strip.push_back(end);
    return torch::stack(strip, 1).flatten(0, 1);
  });
}

void check_invertible(const SampleConfig& options, const std::string& what) {
  const bool invertible = traits_of(options.sampler).has(kInvertible);
  if (invertible && is_deterministic(options)) return;
  throw UserError(what, ": only the steps of ddim and euler without noise can be inverted, and ",
                  invertible ? "eta or s_churn is not 0" : "the sampler is ",
                  invertible ? "" : to_name(options.sampler), "; expected `sampler` ddim");
}

}  // namespace ddpm
