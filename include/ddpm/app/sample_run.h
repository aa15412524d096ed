#pragma once

#include "ddpm/app/sample_plan.h"

namespace ddpm {

/// Draws or edits all images of a plan, in batches, and writes them. A precision of auto is settled
/// first by trying both.
SampleResult run_sampling(SamplePlan& plan);

/// The peak signal-to-noise ratio in dB of images in [-1, 1]; infinite for equal ones.
double psnr(double mse);

}  // namespace ddpm
