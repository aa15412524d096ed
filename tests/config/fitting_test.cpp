#include "ddpm/config/fitting.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

using Keys = std::set<std::string>;

SettingOverrides given(const std::string& key, const std::string& text) {
  SettingOverrides overrides;
  overrides.put(key, text);
  return overrides;
}

/// Fits what a file with these keys, and a person who gives `overrides`, have chosen.
std::vector<std::string> fit(Config& config, const Keys& keys, const SettingOverrides& overrides) {
  overrides.apply(config);
  return fit_settings(config, Choices(keys, overrides));
}

TEST(FitSettings, AWarmUpThatNobodyChoseGivesWayToAShortRun) {
  Config config;
  const auto lines = fit(config, {}, given("train.steps", "100"));
  EXPECT_EQ(config.train.warmup_steps, 10);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("train.warmup_steps is 10, not 500"), std::string::npos) << lines[0];
}

TEST(FitSettings, WhatAPersonAskedForStays) {
  Config config;
  auto overrides = given("train.steps", "100");
  overrides.put("train.warmup_steps", "500");
  EXPECT_TRUE(fit(config, {}, overrides).empty());
  EXPECT_EQ(config.train.warmup_steps, 500);
}

TEST(FitSettings, GuidanceOfAFileGivesWayToAPersonWhoWantsNoClasses) {
  Config config;
  config.sample.guidance = 1.4;
  config.model.class_conditional = true;
  const Keys keys{"sample.guidance", "model.class_conditional"};
  EXPECT_EQ(fit(config, keys, given("model.class_conditional", "false")).size(), 1U);
  EXPECT_EQ(config.sample.guidance, 1.0);
}

TEST(FitSettings, GuidanceOfAFileWithoutClassesIsLeftToBeRefused) {
  Config config;
  config.sample.guidance = 1.4;
  EXPECT_TRUE(fit(config, {"sample.guidance"}, {}).empty());
  EXPECT_EQ(config.sample.guidance, 1.4);
}

TEST(FitSampleSteps, GoNoFurtherThanTheChain) {
  SampleConfig sample;
  DiffusionConfig diffusion;
  sample.steps = 50;
  diffusion.num_train_timesteps = 20;
  EXPECT_FALSE(fit_sample_steps(sample, diffusion).empty());
  EXPECT_LE(sample.steps, 20);
  EXPECT_TRUE(fit_sample_steps(sample, diffusion).empty());
}

}  // namespace
}  // namespace ddpm
