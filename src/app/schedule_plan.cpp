#include "ddpm/app/schedule_plan.h"

#include <algorithm>
#include <set>

#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/names.h"
#include "ddpm/config/process_traits.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/number.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMostSchedules = 28;
constexpr auto kScheduleKey = "diffusion.beta_schedule";
constexpr auto kProcessKey = "diffusion.process";

/// A schedule before the flags of settings.
NamedSchedule schedule_of_word(const std::string& word) {
  NamedSchedule schedule{.name = word, .diffusion = {}};
  const auto betas = word == "cosine" ? BetaSchedule::kCosine : from_name<BetaSchedule>(word);
  const auto process = from_name<ProcessType>(word);
  if (betas) {
    schedule.diffusion.beta_schedule = *betas;
  } else if (process) {
    schedule.diffusion.process = *process;
  } else {
    std::vector<std::string> known{"cosine"};
    for (const auto name : all_names<BetaSchedule>())
      known.emplace_back(name);
    for (const auto name : all_names<ProcessType>())
      known.emplace_back(name);
    throw UserError("unknown schedule '", word, "'; did you mean '", nearest(word, known),
                    "'? expected one of ", join(known));
  }
  return schedule;
}

/// The schedules that are asked for, before the flags of settings.
std::vector<NamedSchedule> named_schedules(const ScheduleRequest& request) {
  std::vector<NamedSchedule> schedules;
  for (const auto& word : request.names)
    schedules.push_back(schedule_of_word(word));
  for (const auto& config : request.configs) {
    schedules.push_back({config.stem().string(), load_config(config).diffusion});
  }
  for (const auto& given : request.checkpoints) {
    const auto path = resolve_checkpoint(clean_path(given));
    const bool ours = fs::exists(path / "config.yaml");
    schedules.push_back({clean_path(given).string(), ours ? load_checkpoint_config(path).diffusion
                                                          : load_folder_diffusion(path)});
  }
  if (schedules.empty()) schedules.emplace_back();
  return schedules;
}

/// The values that a flag gives to its setting, one a schedule.
std::vector<std::string> values_of(const std::string& key, const std::string& text) {
  if (key == "diffusion.trained_betas" || text.empty()) return {text};
  std::vector<std::string> values;
  for (const auto& value : split(text, ','))
    values.emplace_back(trim(value));
  return values;
}

/// What a schedule's name says of one of several values.
std::string name_of_value(const std::string& key, const std::string& value) {
  if (key == kScheduleKey || key == kProcessKey) return value;
  return key.substr(key.find('.') + 1) + " " + value;
}

/// Each schedule with each of the values.
std::vector<NamedSchedule> with_setting(const std::vector<NamedSchedule>& schedules,
                                        const std::string& key, const std::string& text) {
  const auto values = values_of(key, text);
  std::vector<NamedSchedule> all;
  for (const auto& schedule : schedules) {
    for (const auto& value : values) {
      Config config;
      config.diffusion = schedule.diffusion;
      set_setting(config, key, value, "command line");
      auto name = schedule.name;
      if (values.size() > 1) name += (name.empty() ? "" : ", ") + name_of_value(key, value);
      all.push_back({std::move(name), std::move(config.diffusion)});
    }
  }
  if (all.size() > kMostSchedules)
    throw UserError("these are ", all.size(), " schedules or more, expected at most ",
                    kMostSchedules, " in one picture");
  return all;
}

/// The rules of a schedule. What its network would predict plays no part.
void check_schedule(DiffusionConfig diffusion) {
  const bool chain = traits_of(diffusion.process).has_timesteps;
  diffusion.prediction_type = chain ? PredictionType::kSample : PredictionType::kEpsilon;
  diffusion.variance = Variance::kFixed;
  check_diffusion(diffusion);
}

std::string usual_name(const DiffusionConfig& diffusion) {
  if (!traits_of(diffusion.process).has_timesteps) return std::string(to_name(diffusion.process));
  if (!diffusion.trained_betas.empty()) return "trained_betas";
  return std::string(to_name(diffusion.beta_schedule));
}

/// Flags that would take back what the words say.
void refuse_double_talk(const ScheduleRequest& request) {
  for (const auto* key : {kScheduleKey, kProcessKey})
    if (!request.names.empty() && request.settings.contains(key))
      throw UserError(key, " says the same as the word '", request.names.front(),
                      "'; give one of them");
}

}  // namespace

std::vector<NamedSchedule> plan_schedules(const ScheduleRequest& request) {
  refuse_double_talk(request);
  auto schedules = named_schedules(request);
  for (const auto& [key, text] : request.settings)
    schedules = with_setting(schedules, key, text);
  std::set<std::string> taken;
  for (auto& schedule : schedules) {
    check_schedule(schedule.diffusion);
    if (schedule.name.empty()) schedule.name = usual_name(schedule.diffusion);
    const auto name = schedule.name;
    for (int number = 2; !taken.insert(schedule.name).second; ++number)
      schedule.name = name + " (" + std::to_string(number) + ")";
  }
  return schedules;
}

std::vector<int64_t> parse_timesteps(const std::string& text) {
  std::vector<int64_t> timesteps;
  for (const auto& part : split(text, ',')) {
    const auto word = trim(part);
    const auto t = parse_number<int64_t>(word).value_or(-1);
    if (t < 0 || (!timesteps.empty() && t <= timesteps.back()))
      throw UserError("`timesteps` '", text, "': expected rising whole numbers such as 0,100,250");
    timesteps.push_back(t);
  }
  if (timesteps.empty()) throw UserError("`timesteps` '': expected numbers such as 0,100,250");
  return timesteps;
}

}  // namespace ddpm
