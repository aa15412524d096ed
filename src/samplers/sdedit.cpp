#include "ddpm/samplers/sdedit.h"

#include <algorithm>
#include <cmath>

#include <torch/types.h>

namespace ddpm {

int64_t edited_steps(int64_t steps, double strength) {
  const auto share = static_cast<int64_t>(std::llround(strength * static_cast<double>(steps)));
  return std::clamp(share, int64_t{1}, steps);
}

torch::Tensor run_sdedit(const SamplerInputs& inputs, const SdEdit& edit,
                         const NoiseSource& start_noise, const torch::Tensor& image) {
  const size_t steps = inputs.levels.size() - 1;
  const int64_t edited = edited_steps(static_cast<int64_t>(steps), edit.strength);
  const size_t first = steps - static_cast<size_t>(edited);
  const auto& level = inputs.levels[first];
  auto x = image;
  for (int64_t pass = 0; pass < edit.repeats; ++pass) {
    const auto noise = start_noise(pass);
    SamplerInputs part = inputs;
    if (edit.known)
      part.denoise = with_known(inputs.denoise, *edit.known, [noise](int64_t) { return noise; });
    x = run_sampler_part(part, {first, steps}, pass * edited,
                         level.alpha * x + level.sigma * noise);
    if (edit.known) x = paste(*edit.known, x);
  }
  return x;
}

}  // namespace ddpm
