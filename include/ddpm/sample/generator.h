#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/model/unet.h"
#include "ddpm/sample/network_calls.h"
#include "ddpm/samplers/sampler.h"

namespace ddpm {

/// What to draw. Image i depends on its own seed, label and initial noise alone, not on its
/// neighbours in the batch.
struct GenerationRequest {
  std::vector<uint64_t> seeds;  // one an image
  std::vector<int64_t> labels;  // one an image; empty for an unconditional model
  torch::Tensor initial_noise;  // [N, C, H, W]; undefined: drawn from the seeds
};

/// Draws images from a network.
class Generator {
 public:
  /// `unet` must be on `device` and decides the precision by its parameters' types (see
  /// `convert_parameters`); its config's sample_size is that of the images. `UserError` if the
  /// options do not fit the model (see `check_guidance`). `graphs`: see `NetworkCalls`.
  Generator(UNet unet, const DiffusionConfig& diffusion, const SampleConfig& options,
            torch::Device device, const GraphFactory& graphs = {});

  /// One batch: images [N, C, H, W] in [-1, 1], float32, on the CPU.
  torch::Tensor generate(
      const GenerationRequest& request, const StepObserver& on_step = [](int64_t) {});

  const SampleConfig& options() const { return options_; }
  const ModelConfig& model() const { return unet_->config(); }

 private:
  Denoiser make_denoiser(const std::vector<int64_t>& labels);

  UNet unet_;
  NetworkCalls calls_;
  NoiseSchedule schedule_;
  PredictionType prediction_type_;
  SampleConfig options_;
  torch::Device device_;
};

/// `UserError` that says why, if the model cannot be guided with this scale: it has no classes, or
/// was trained without label dropout.
void check_guidance(const ModelConfig& model, double guidance);

/// Labels for `count` images: `classes` in turn; all classes in turn if that is empty; none for an
/// unconditional model.
std::vector<int64_t> cycle_labels(const ModelConfig& model, const std::vector<int64_t>& classes,
                                  int64_t count);

/// Number of classes a person can ask for: the null row is not one.
int64_t num_classes(const ModelConfig& model);

}  // namespace ddpm
