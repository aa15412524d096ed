#include "ddpm/config/identity.h"

#include <algorithm>
#include <array>
#include <set>

#include "ddpm/config/names.h"
#include "ddpm/config/settings.h"

namespace ddpm {
namespace {

constexpr std::array<std::string_view, 14> kBookkeeping{
    "data.max_image_pixels", "data.root",         "data.held_out",    "data.memory_limit_gb",
    "data.workers",          "train.log_every",   "train.save_every", "train.save_minutes",
    "train.sample_every",    "train.keep_last",   "train.eval_every", "train.eval_images",
    "train.max_bad_steps",   "sample.grid_images"};

std::string_view section_of(std::string_view key) {
  return key.substr(0, key.find('.'));
}

}  // namespace

bool is_part_of_identity(std::string_view key) {
  return std::ranges::find(kBookkeeping, key) == kBookkeeping.end();
}

std::string identity_of(const Config& config, std::initializer_list<std::string_view> sections) {
  const auto is_named = [&](std::string_view section) {
    return std::ranges::find(sections, section) != sections.end();
  };
  std::set<std::string> lines;
  for (const auto& change : changed_settings(Config(), config))
    if (is_named(section_of(change.key)) && is_part_of_identity(change.key))
      lines.insert(change.key + "=" + change.after + "\n");
  if (is_named("sample") && config.sample.grid_ends != SampleConfig().grid_ends)
    lines.insert("sample.grid_ends=" + std::string(to_name(config.sample.grid_ends)) + "\n");
  std::string text = "identity " + std::to_string(kIdentityVersion) + "\n";
  for (const auto& line : lines)
    text += line;
  return text;
}

}  // namespace ddpm
