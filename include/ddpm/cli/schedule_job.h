#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/cli/command_line.h"
#include "ddpm/config/config.h"

namespace ddpm {

/// What a person asked `ddpm schedule` for, as typed.
struct ScheduleFlags {
  std::vector<std::string> names;
  std::vector<std::string> configs;
  std::vector<std::string> checkpoints;
  SettingFlags settings;
  std::string image;
  std::optional<std::string> timesteps;
  std::optional<int64_t> image_size;
  uint64_t seed = 0;
  std::string out;
  bool log = false;
  bool quiet = false;
  bool json = false;
};

/// A noise schedule and what it is called in the picture.
struct NamedSchedule {
  std::string name;
  DiffusionConfig diffusion;
};

/// The schedules that the flags name: a word (a beta_schedule, `cosine`, or a process) each, then
/// configs, then checkpoints; the default one if there are none. Flags of the section diffusion
/// hold for all; several values of one, with commas between, give a schedule each. Names differ.
/// `UserError` and its kin for what is unknown or impossible, and for more than 28 schedules.
std::vector<NamedSchedule> make_schedules(const ScheduleFlags& flags);

/// Where the picture goes: as told, else the first free of schedule.svg, schedule-2.svg, ... of the
/// working folder (.png with an image). `UserError` for another ending or if the file exists.
std::filesystem::path schedule_output(const ScheduleFlags& flags);

/// The timesteps "0,100,250". `UserError` if they are no rising list of whole numbers.
std::vector<int64_t> parse_timesteps(const std::string& text);

}  // namespace ddpm
