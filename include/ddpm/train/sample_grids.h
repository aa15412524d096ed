#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/sample/generator.h"
#include "ddpm/train/ema_generator.h"
#include "ddpm/train/run_hook.h"

namespace ddpm {

/// Draws a grid of images every `train.sample_every` steps, of the same noise each time, and writes
/// it into the run's folder.
class SampleGrids : public RunHook {
 public:
  /// `generator` must outlive this.
  SampleGrids(const Config& config, EmaGenerator& generator);

  bool due(const Decision& now) const override;
  /// A grid that someone stops is left out; so is one that the disk does not take, with a warning.
  void run(RunView& view) override;
  Preview preview() const override { return preview_; }

 private:
  torch::Tensor draw(Generator& generator) const;

  Preview preview_;
  int64_t part_;  // images drawn at once
  EmaGenerator& generator_;
};

}  // namespace ddpm
