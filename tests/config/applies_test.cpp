#include "ddpm/config/applies.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

std::string refusal(const Config& config, std::string_view section) {
  try {
    check_applies(config, section);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Applies, WordsSayWhere) {
  EXPECT_EQ(where_it_applies({}), "");
  EXPECT_EQ(where_it_applies({.process = ProcessType::kEdm}), "process edm only");
  EXPECT_EQ(where_it_applies({.sampler = kTakesChurn}), "samplers euler, heun only");
  EXPECT_EQ(where_it_applies({.process = ProcessType::kFlow, .task = Task::kDenoiser}),
            "task denoiser, process flow only");
}

TEST(Applies, ASettingOfAnotherProcessIsRefused) {
  Config config;
  config.sample.flow_shift = 3.0;
  EXPECT_EQ(refusal(config, "sample"),
            "sample.flow_shift belongs to the process flow, expected 1 for discrete, got 3");
  EXPECT_EQ(refusal(config, "diffusion"), "");
  config.diffusion.process = ProcessType::kFlow;
  EXPECT_EQ(refusal(config, "sample"), "");
  config.diffusion.trained_betas = {0.5};
  EXPECT_NE(refusal(config, "diffusion"), "");
}

TEST(Applies, ASettingOfOtherSamplersIsRefused) {
  Config config;
  config.sample.s_churn = 1.0;
  EXPECT_EQ(refusal(config, "sample"),
            "sample.s_churn belongs to the samplers euler and heun, expected 0 for ddim, got 1");
  config.sample.sampler = SamplerType::kHeun;
  EXPECT_EQ(refusal(config, "sample"), "");
}

TEST(Applies, WhatIsNotReadMayBeAnything) {
  Config config;
  config.diffusion.sigma_data = 0.7;
  config.sample.s_noise = 1.003;
  EXPECT_EQ(refusal(config, "diffusion"), "");
  EXPECT_EQ(refusal(config, "sample"), "");
}

}  // namespace
}  // namespace ddpm
