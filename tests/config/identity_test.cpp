#include "ddpm/config/identity.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/files.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// Settings of a run, with `more` lines of YAML.
Config with(const std::string& more) {
  Config config;
  apply_yaml(config, more, "test");
  return config;
}

/// Another value than the default for each setting; empty if none of the tried ones fits.
std::string changed_value(const Setting& setting) {
  const auto before = format_value(setting);
  std::vector<std::string> tried{"true", "false", "0.5", "0.25", "1", "2", "4", "[8]", "[0.5]"};
  for (const auto& choice : setting.choices)
    tried.emplace_back(choice);
  if (const auto* const slot = std::get_if<EnumSlot>(&setting.slot))
    for (const auto name : slot->names())
      tried.emplace_back(name);
  for (const auto& text : tried) {
    Config config;
    try {
      set_setting(config, setting.key, text, "test");
    } catch (const std::exception&) {
      continue;
    }
    if (format_value(find_setting(config, setting.key, "test")) != before) return text;
  }
  return "";
}

// Golden keys: people's results and cached classifiers are known by them. If one of these fails,
// a change has moved every key of its kind; see kIdentityVersion.
TEST(Identity, OfDefaultsIsGolden) {
  EXPECT_EQ(identity_of(Config(), {"data", "model", "classifier", "diffusion", "train", "sample"}),
            "identity 1\n");
}

TEST(Identity, OfDrawnImagesIsGolden) {
  const auto config = with(
      "diffusion: {beta_schedule: squaredcos_cap_v2, prediction_type: v_prediction}\n"
      "sample: {sampler: dpmpp-2m, steps: 20, guidance: 1.5, grid_images: 16}\n"
      "train: {lr: 0.1}\n");
  EXPECT_EQ(identity_of(config, {"diffusion", "sample"}),
            "identity 1\n"
            "diffusion.beta_schedule=squaredcos_cap_v2\n"
            "diffusion.prediction_type=v_prediction\n"
            "sample.guidance=1.5\n"
            "sample.sampler=dpmpp-2m\n"
            "sample.steps=20\n");
}

TEST(Identity, OfTheFeaturesRecipeIsGolden) {
  const auto config = load_config(DDPM_CONFIGS "/fashion-mnist-features.yaml");
  const auto identity = identity_of(config, {"model", "classifier", "diffusion", "train"});
  EXPECT_EQ(sha256(identity).substr(0, 16), "028905ac698467b4") << identity;
}

TEST(Identity, HoldsWhatTheSamplerTookFromAFile) {
  Config config;
  config.sample.grid_ends = TimestepSpacing::kLinspace;
  EXPECT_EQ(identity_of(config, {"sample"}), "identity 1\nsample.grid_ends=linspace\n");
}

TEST(Identity, IsMovedByASettingOfItsSectionsAlone) {
  Config defaults;
  for (const auto& setting : settings(defaults)) {
    const auto value = changed_value(setting);
    if (value.empty()) continue;
    const std::string key(setting.key);
    Config config;
    set_setting(config, key, value, "test");
    for (const auto& section : section_names()) {
      const bool own = key.starts_with(section + ".") && is_part_of_identity(key);
      EXPECT_EQ(identity_of(config, {section}) != identity_of(defaults, {section}), own)
          << key << " in " << section;
    }
  }
}

TEST(Identity, TriesNearlyEverySetting) {
  Config defaults;
  const auto table = settings(defaults);
  const auto untried = std::ranges::count_if(
      table, [](const Setting& setting) { return changed_value(setting).empty(); });
  EXPECT_LE(untried, 2);
}

/// The defaults that identities of version 1 leave out, a line `key=value` each.
TEST(Identity, DefaultsStayWhatTheyWere) {
  std::map<std::string, std::string> recorded;
  for (const auto& line : split(read_file(DDPM_TEST_DATA "/identity_defaults.txt"), '\n'))
    if (const auto sign = line.find('='); sign != line.npos)
      recorded[line.substr(0, sign)] = line.substr(sign + 1);
  Config defaults;
  for (const auto& setting : settings(defaults)) {
    if (!is_part_of_identity(setting.key)) continue;
    EXPECT_EQ(recorded[std::string(setting.key)], format_value(setting))
        << setting.key << ": add a new setting to tests/data/identity_defaults.txt; if a default "
        << "changes, raise kIdentityVersion as well";
  }
}

}  // namespace
}  // namespace ddpm
