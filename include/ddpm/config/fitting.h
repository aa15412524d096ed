#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/config/setting_overrides.h"

namespace ddpm {

/// Who has chosen the value of a setting.
enum class ChosenBy { kNobody, kFile, kPerson };

/// Which settings a file has, and which a person gave beside it.
class Choices {
 public:
  /// `overrides` must outlive this.
  Choices(std::set<std::string> in_file, const SettingOverrides& overrides)
      : in_file_(std::move(in_file)),
        overrides_(overrides) {}

  ChosenBy of(std::string_view key) const;
  /// Whether the setting `key` gives way to `limit`: nobody has chosen it, or someone has chosen
  /// `limit` over the file that it is from.
  bool yields(std::string_view key, std::string_view limit) const;

 private:
  std::set<std::string> in_file_;
  const SettingOverrides& overrides_;
};

/// Changes settings that do not fit others: the warm-up to a short run and the sampling steps to a
/// short chain of timesteps, and guidance to a model without classes, if they yield to these; the
/// blocks and groups to the channels, the
/// batch to its parts and the variance to the process, if nobody has chosen them. Gives a line for
/// each. What stays is left for `check_rules` to refuse.
std::vector<std::string> fit_settings(Config& config, const Choices& choices);

/// The same for sampling steps alone, which nobody has chosen. Empty if they fit.
std::string fit_sample_steps(SampleConfig& sample, const DiffusionConfig& diffusion);

}  // namespace ddpm
