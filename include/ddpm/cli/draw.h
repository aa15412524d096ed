#pragma once

#include <cstdint>
#include <optional>

#include "ddpm/cli/sample_job.h"

namespace ddpm {

/// What became of a job.
struct DrawResult {
  int64_t done = 0;           // images, fewer than asked for if someone stopped it
  int64_t network_calls = 0;  // for each image, as counted
  std::optional<double> mse;  // between the images of an inversion and their reconstructions
};

/// Draws or edits all images of a job, in batches, and writes them.
DrawResult draw(SampleJob job, const SampleFlags& flags);

/// Peak signal-to-noise ratio in dB of images in [-1, 1]; infinite for equal ones.
double psnr(double mse);

}  // namespace ddpm
