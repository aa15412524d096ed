#include "ddpm/diffusion/process_timesteps.h"

#include <cmath>

#include <gtest/gtest.h>

#include "ddpm/config/names.h"

namespace ddpm {
namespace {

Process process_of(ProcessType type) {
  DiffusionConfig diffusion;
  diffusion.process = type;
  return Process(diffusion);
}

TEST(ProcessTimesteps, OfTheDiscreteProcessAreItsOwn) {
  const auto process = process_of(ProcessType::kDiscrete);
  EXPECT_EQ(last_timestep(process), 999);
  const auto level = level_of_timestep(process, 500);
  EXPECT_NEAR(level.alpha * level.alpha, .077796658365, 1e-12);
  EXPECT_EQ(level.t, 500.0);
}

TEST(ProcessTimesteps, OfFlowGoFromTheCleanImageToPureNoise) {
  const auto process = process_of(ProcessType::kFlow);
  EXPECT_EQ(last_timestep(process), 1000);
  EXPECT_EQ(level_of_timestep(process, 0).sigma, 0.0);
  EXPECT_DOUBLE_EQ(level_of_timestep(process, 250).sigma, 0.25);
  EXPECT_EQ(level_of_timestep(process, 1000).alpha, 0.0);
}

TEST(ProcessTimesteps, OfEdmAreTheSamplingGrid) {
  DiffusionConfig diffusion;
  diffusion.process = ProcessType::kEdm;
  diffusion.num_train_timesteps = 18;
  const Process process(diffusion);
  EXPECT_NEAR(level_of_timestep(process, 0).sigma, .002, 1e-12);
  EXPECT_NEAR(level_of_timestep(process, 13).sigma, 19.3525, 1e-4);
  EXPECT_NEAR(level_of_timestep(process, 17).sigma, 80.0, 1e-10);
}

TEST(ProcessTimesteps, GrowNoisierOnEveryProcess) {
  for (const auto& type : kNames<ProcessType>) {
    const auto process = process_of(type.value);
    for (int64_t t = 1; t <= last_timestep(process); ++t)
      ASSERT_GT(level_of_timestep(process, t).ratio(), level_of_timestep(process, t - 1).ratio())
          << type.name << t;
  }
}

}  // namespace
}  // namespace ddpm
