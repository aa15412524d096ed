#include <algorithm>
#include <cctype>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/diffusion/timestep_sampler.h"
#include "ddpm/util/error.h"
#include "tests/support/runs.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

struct SettingCase {
  std::string key;
  std::string value;
};

std::ostream& operator<<(std::ostream& out, const SettingCase& row) {
  return out << row.key << " " << row.value;
}

/// Settings without which a value means nothing, or is against the rules.
std::vector<SettingCase> companions(const SettingCase& row) {
  if (row.value == "learned_range") return {{"train.loss", "hybrid"}};
  if (row.value == "hybrid" || row.value == "vlb") return {{"diffusion.variance", "learned_range"}};
  if (row.value == "loss_second_moment") return {{"diffusion.num_train_timesteps", "4"}};
  if (row.value == "jsd" || row.key == "diffusion.rescale_betas_zero_snr")
    return {{"diffusion.prediction_type", "v_prediction"}, {"train.loss_weighting", "min_snr"}};
  if (row.value == "edm") return {{"train.loss_weighting", "soft_min_snr"}};
  if (row.value == "flow")
    return {{"train.timestep_sampler", "logit_normal"}, {"train.coupling", "ot"}};
  if (row.key == "train.augment")
    return {{"train.precision", "bf16"}, {"train.gradient_checkpointing", "blocks"}};
  if (row.key.starts_with("classifier.")) return {{"train.task", "classifier"}};
  if (row.key == "train.vlb_weight")
    return {{"diffusion.variance", "learned_range"}, {"train.loss", "hybrid"}};
  return {};
}

/// Every word of every setting that shapes a step, and those numbers that are off by default.
std::vector<SettingCase> all_cases() {
  std::vector<SettingCase> cases{{"train.noise_offset", "0.1"},
                                 {"train.augment", "0.5"},
                                 {"train.vlb_weight", "0.1"},
                                 {"classifier.clean_share", "0"},
                                 {"diffusion.rescale_betas_zero_snr", "true"},
                                 {"train.max_grad_norm", "0"},
                                 {"train.weight_decay", "0.1"},
                                 {"train.ema_warmup", "false"},
                                 {"model.class_conditional", "false"},
                                 {"model.resnet_time_scale_shift", "scale_shift"}};
  Config config;
  for (const auto& setting : settings(config)) {
    const auto* const words = std::get_if<EnumSlot>(&setting.slot);
    const auto section = setting.key.substr(0, setting.key.find('.'));
    if (words == nullptr || section == "model" || section == "sample") continue;
    for (const auto word : words->names())
      if (setting.key != "train.precision" || word != "auto")  // settled before training starts
        cases.push_back({std::string(setting.key), std::string(word)});
  }
  return cases;
}

class ResumeOfSetting : public testing::TestWithParam<SettingCase> {};

TEST_P(ResumeOfSetting, TenAndTenStepsAreTwentyToTheLastBit) {
  const TempDir dir;
  auto config = tiny_config();
  config.train.steps = 20;
  config.train.save_every = 10;
  for (const auto& [key, value] : companions(GetParam()))
    set_setting(config, key, value, "companion");
  set_setting(config, GetParam().key, GetParam().value, "case");
  ASSERT_NO_THROW(check_rules(config));
  train(config, dir.path() / "whole", 1);
  const auto half = dir.path() / "whole/checkpoints/step-000010";
  fs::create_directories(dir.path() / "again/checkpoints");
  fs::copy(half, dir.path() / "again/checkpoints/step-000010", fs::copy_options::recursive);
  train(config, dir.path() / "again", 1);
  expect_same_bits(dir.path() / "whole/checkpoints/step-000020",
                   dir.path() / "again/checkpoints/step-000020");
}

INSTANTIATE_TEST_SUITE_P(Table, ResumeOfSetting, testing::ValuesIn(all_cases()),
                         [](const auto& info) {
                           auto name = info.param.key + "_" + info.param.value;
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

TEST(Resume, KeepsWhatTheTimestepSamplerHasLearned) {
  const TempDir dir;
  auto config = tiny_config();
  config.diffusion.num_train_timesteps = 4;
  config.train.timestep_sampler = TimestepSampler::kLossSecondMoment;
  config.train.steps = 20;
  train(config, dir.path());
  const auto checkpoint = RunDirectory(dir.path()).newest_checkpoint();
  const auto state = load_timestep_sampler(checkpoint);
  LossSecondMoment losses(4);
  losses.load(state.at("losses"), state.at("counts"), "checkpoint");
  ASSERT_TRUE(losses.warmed_up());
  EXPECT_GT(std::ranges::max(losses.probabilities()), std::ranges::min(losses.probabilities()));
  fs::remove(checkpoint / "training/timestep_sampler.safetensors");
  config.train.steps = 21;
  EXPECT_THROW(train(config, dir.path()), CheckpointError);
}

}  // namespace
}  // namespace ddpm
