#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ddpm {

/// Which noise schedules someone wants to see.
struct ScheduleRequest {
  std::vector<std::string> names;              // a beta_schedule, cosine, or a process each
  std::vector<std::filesystem::path> configs;  // settings files
  std::vector<std::string> checkpoints;
  /// Values by key of the section diffusion, for all schedules; several, with commas between, give
  /// a schedule each.
  std::map<std::string, std::string> settings;
};

}  // namespace ddpm
