#include "ddpm/config/setting_overrides.h"

#include <algorithm>

#include "ddpm/config/settings.h"

namespace ddpm {
namespace {

constexpr std::string_view kOrigin = "command line";

bool is_of(std::string_view key, std::string_view section) {
  return key.starts_with(section) && key.substr(section.size()).starts_with('.');
}

}  // namespace

void SettingOverrides::put(const std::string& key, const std::string& text) {
  Config scratch;
  set_setting(scratch, key, text, kOrigin);
  texts_[key] = text;
}

bool SettingOverrides::has_section(std::string_view section) const {
  return std::ranges::any_of(texts_, [&](const auto& row) { return is_of(row.first, section); });
}

void SettingOverrides::apply(Config& config) const {
  for (const auto& [key, text] : texts_)
    set_setting(config, key, text, kOrigin);
}

void SettingOverrides::apply(Config& config, std::string_view section) const {
  for (const auto& [key, text] : texts_)
    if (is_of(key, section)) set_setting(config, key, text, kOrigin);
}

}  // namespace ddpm
