#include "ddpm/samplers/inpainting.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <torch/types.h>

namespace ddpm {
namespace {

/// x of the level `from`, with as much more noise as the level `to` has.
torch::Tensor noised(const NoiseLevel& from, const NoiseLevel& to, const torch::Tensor& x,
                     const torch::Tensor& noise) {
  const double scale = to.alpha / from.alpha;
  const double kept = scale * from.sigma;
  return scale * x + std::sqrt(to.sigma * to.sigma - kept * kept) * noise;
}

/// The end of the stretch of one direction that begins at `begin`.
size_t stretch_end(const std::vector<int64_t>& levels, size_t begin) {
  const bool down = levels[begin + 1] < levels[begin];
  size_t end = begin + 1;
  while (end + 1 < levels.size() && (levels[end + 1] < levels[end]) == down)
    ++end;
  return end;
}

}  // namespace

torch::Tensor paste(const KnownPart& known, const torch::Tensor& x) {
  return torch::where(known.keep, known.image, x);
}

Denoiser with_known(Denoiser denoise, KnownPart known, NoiseSource noise) {
  return [denoise = std::move(denoise), known = std::move(known), noise = std::move(noise),
          call = std::make_shared<int64_t>(0)](const torch::Tensor& x, const NoiseLevel& level) {
    const KnownPart noisy{.image = level.alpha * known.image + level.sigma * noise((*call)++),
                          .keep = known.keep};
    return denoise(paste(noisy, x), level);
  };
}

int64_t usual_jump_length(int64_t steps) {
  const int64_t most = RepaintJumps().length;
  return std::clamp(steps / 5, int64_t{1}, most);
}

std::vector<int64_t> repaint_levels(int64_t steps, const RepaintJumps& jumps) {
  const int64_t length = jumps.length;
  std::vector<int64_t> jumps_left(static_cast<size_t>(steps), 0);
  for (int64_t level = 0; level + length < steps; level += length)
    jumps_left[static_cast<size_t>(level)] = jumps.samples - 1;
  std::vector<int64_t> levels;
  for (int64_t level = steps - 1; level >= 0; --level) {
    levels.push_back(level);
    auto& left = jumps_left[static_cast<size_t>(level)];
    if (left == 0) continue;
    --left;
    for (int64_t up = 1; up <= length; ++up)
      levels.push_back(level + up);
    level += length;
  }
  levels.push_back(-1);
  return levels;
}

torch::Tensor run_repaint(const SamplerInputs& inputs, const KnownPart& known,
                          const NoiseSource& known_noise, const RepaintJumps& jumps,
                          const torch::Tensor& x) {
  const auto steps = static_cast<int64_t>(inputs.levels.size()) - 1;
  const auto levels = repaint_levels(steps, jumps);
  const auto place = [&](size_t move) { return static_cast<size_t>(steps - 1 - levels[move]); };
  SamplerInputs masked = inputs;
  masked.denoise = with_known(inputs.denoise, known, known_noise);
  auto state = x;
  for (size_t begin = 0; begin + 1 < levels.size();) {
    const size_t end = stretch_end(levels, begin);
    const auto number = static_cast<int64_t>(begin);
    const size_t from = place(begin);
    const size_t to = place(end);
    // One draw of noise for a jump: the sum of its single steps' noise has the same distribution.
    state = to > from ? run_sampler_part(masked, {from, to}, number, state)
                      : noised(inputs.levels[from], inputs.levels[to], state, inputs.noise(number));
    begin = end;
  }
  return paste(known, state);
}

}  // namespace ddpm
