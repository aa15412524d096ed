#include "ddpm/train/ema_generator.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/train/plan.h"
#include "ddpm/train/preview.h"

namespace ddpm {

EmaGenerator::EmaGenerator(const Config& config, TrainingModel& model, torch::Device device,
                           const GraphFactory& graphs)
    : model_(model),
      generator_(model.ema_net(), config.diffusion, config.sample, device, graphs),
      timed_images_(std::min(config.sample.grid_images, micro_batch_size(config.train))) {}

EmaGenerator::Averaged::Averaged(TrainingModel& model, torch::Device device)
    : model_(model),
      releases_(device.is_cpu()) {  // elsewhere graphs may hold on to its memory
  model_.refresh_ema();
}

EmaGenerator::Averaged::~Averaged() {
  if (releases_) model_.release_ema();
}

double EmaGenerator::seconds_per_image() {
  if (!seconds_) {
    seconds_ = with(
        [&](Generator& generator) { return ddpm::seconds_per_image(generator, timed_images_); });
  }
  return *seconds_;
}

}  // namespace ddpm
