#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/report/schedule_picture.h"

namespace ddpm {

/// An image that someone wants to see with growing noise.
struct StripRequest {
  std::string image;                     // its file
  std::optional<std::string> timesteps;  // "0,100,250"; without: eight even ones
  std::optional<int64_t> image_size;     // scaled and cropped to; without: at most 256 a side
  uint64_t seed = 0;                     // of the noise
};

/// A PNG of the image with growing noise, a row a schedule; the log names the rows. `UserError` and
/// its kin for an image that cannot be read and for wrong timesteps.
std::string noised_png(const std::vector<NamedSchedule>& schedules, const StripRequest& request);

/// The numbers of a schedule; infinite ones are null in JSON.
nlohmann::json to_json(const NamedSchedule& schedule);

}  // namespace ddpm
