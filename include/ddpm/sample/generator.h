#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/model/conditioning.h"
#include "ddpm/model/network.h"
#include "ddpm/sample/network_calls.h"
#include "ddpm/samplers/guidance.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/util/random.h"

namespace ddpm {

/// What to draw. Image i depends on its own seed, label and initial noise alone, not on its
/// neighbours in the batch.
struct GenerationRequest {
  std::vector<uint64_t> seeds;  // one an image
  std::vector<int64_t> labels;  // one an image; empty for an unconditional model
  torch::Tensor initial_noise;  // [N, C, H, W]; undefined: drawn from the seeds
};

/// Images first ... first+count-1 of a set: image i has seed `seed` + i and the i-th of `labels`,
/// which are those of the whole set or empty.
GenerationRequest request_of_part(uint64_t seed, const std::vector<int64_t>& labels, int64_t first,
                                  int64_t count);

/// The gradient of the summed log-probability of `labels` [N] with respect to the noisy images x.
using LabelGradient = std::function<torch::Tensor(const torch::Tensor& x, const NoiseLevel& level,
                                                  const torch::Tensor& labels)>;

/// Draws images from a network.
class Generator {
 public:
  /// `network` must be on `device` and decides the precision by its parameters' types (see
  /// `convert_parameters`); its signature's sample_size is that of the images. The options
  /// must fit the model (see `check_guidance`). `graphs`: see `NetworkCalls`.
  Generator(Network network, const DiffusionConfig& diffusion, const SampleConfig& options,
            torch::Device device, const GraphFactory& graphs = {});

  /// Guides away from a weaker model (see `with_autoguidance`) instead of from another class.
  void guide_with(Network weaker, const DiffusionConfig& diffusion);

  /// Guides by a classifier's gradient (see `with_classifier_guidance`), which is called in turn
  /// with the network, with gradients enabled. Needs labels.
  void guide_by_classifier(LabelGradient gradient, double scale);

  /// One batch: images [N, C, H, W] in [-1, 1], float32, on the CPU.
  torch::Tensor generate(
      const GenerationRequest& request, const StepObserver& on_step = [](int64_t) {});

  /// Any other way from inputs to images: calls `run`, without gradients, with what a sampler works
  /// with for this request, and gives what it gives as float32 on the CPU.
  torch::Tensor run(const GenerationRequest& request, const StepObserver& on_step,
                    const std::function<torch::Tensor(const SamplerInputs&)>& run);

  /// Noise by number for the request's images, on the device, each from its own seed.
  NoiseSource noise_of(const GenerationRequest& request, RandomPurpose purpose) const;

  /// x of the first level: the request's noise, scaled.
  torch::Tensor start_of(const GenerationRequest& request) const;

  const torch::Device& device() const { return device_; }
  const SampleConfig& options() const { return options_; }
  const Signature& signature() const { return network_->signature(); }
  const Process& process() const { return *process_; }

 private:
  struct Weaker {
    Weaker(Network network, const DiffusionConfig& diffusion)
        : calls(std::move(network), {}),
          process(make_process(diffusion)) {}
    NetworkCalls calls;
    ProcessPtr process;
  };
  struct Classifier {
    LabelGradient gradient;
    double scale;
  };

  Denoiser make_denoiser(const std::vector<int64_t>& labels);
  Denoiser make_guided(const Conditioning& wanted);

  Network network_;
  NetworkCalls calls_;
  ProcessPtr process_;
  SampleConfig options_;
  std::vector<NoiseLevel> levels_;
  torch::Device device_;
  std::unique_ptr<Weaker> weaker_;
  std::optional<Classifier> classifier_;
};

}  // namespace ddpm
