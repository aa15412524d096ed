#include "ddpm/app/schedule_view.h"

#include <algorithm>

#include "ddpm/app/schedule_plan.h"
#include "ddpm/config/names.h"
#include "ddpm/data/image_io.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using nlohmann::json;

constexpr int64_t kLargestSide = 256;

/// The image to noise: cut to a square of the size asked for, or else as it is but not too large to
/// see its noise.
Image image_of(const StripRequest& request) {
  const auto image = load_image(request.image, 0, {kMostImagePixels});
  if (request.image_size) return resize_and_crop(image, *request.image_size, *request.image_size);
  const int64_t side = std::max(image.height, image.width);
  if (side <= kLargestSide) return image;
  const auto shrunk = [&](int64_t length) {
    return std::max<int64_t>(1, length * kLargestSide / side);
  };
  return resize_and_crop(image, shrunk(image.height), shrunk(image.width));
}

}  // namespace

std::string noised_png(const std::vector<NamedSchedule>& schedules, const StripRequest& request) {
  std::vector<int64_t> timesteps;
  if (request.timesteps) timesteps = parse_timesteps(*request.timesteps);
  std::vector<std::string> names;
  for (const auto& schedule : schedules)
    names.push_back(schedule.name);
  const auto rows = join(names, "; ");
  log_info("rows: " + rows);
  const auto strip = noised_strip(schedules, image_of(request), timesteps, request.seed);
  return encode_png(strip, {{"Software", "ddpm"},
                            {"schedules", rows},
                            {"timesteps", request.timesteps.value_or("even")},
                            {"seed", std::to_string(request.seed)}});
}

json to_json(const NamedSchedule& schedule) {
  const auto& diffusion = schedule.diffusion;
  const auto curve = curve_of(*make_process(diffusion));
  json object = {{"name", schedule.name},
                 {"process", to_name(diffusion.process)},
                 {"num_train_timesteps", diffusion.num_train_timesteps},
                 {"t", curve.t},
                 {"alpha_bars", curve.alpha_bar},
                 {"log_snr", curve.log_snr},
                 {"alphas", curve.alpha},
                 {"sigmas", curve.sigma}};
  if (!curve.beta.empty()) {
    object["betas"] = curve.beta;
    if (diffusion.trained_betas.empty()) object["beta_schedule"] = to_name(diffusion.beta_schedule);
  }
  return object;
}

}  // namespace ddpm
