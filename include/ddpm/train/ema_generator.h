#pragma once

#include <optional>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/sample/generator.h"
#include "ddpm/train/training_model.h"

namespace ddpm {

/// Draws with the averaged weights of a model in training.
class EmaGenerator {
 public:
  /// `config` must be complete (`complete_config`), and `model` must outlive this.
  EmaGenerator(const Config& config, TrainingModel& model, torch::Device device,
               const GraphFactory& graphs);

  /// Gives what `draw` makes of the generator, whose network has the weights of now only so long.
  template <typename Draw>
  auto with(const Draw& draw) {
    const Averaged averaged(model_, generator_.device());
    return draw(generator_);
  }

  /// The seconds that an image of a sample grid takes, measured once.
  double seconds_per_image();

 private:
  /// Keeps the averaged weights there.
  class Averaged {
   public:
    Averaged(TrainingModel& model, torch::Device device);
    ~Averaged();
    Averaged(const Averaged&) = delete;
    Averaged& operator=(const Averaged&) = delete;

   private:
    TrainingModel& model_;
    bool releases_;
  };

  TrainingModel& model_;
  Generator generator_;
  int64_t timed_images_;
  std::optional<double> seconds_;
};

}  // namespace ddpm
