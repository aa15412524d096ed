#pragma once

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command_fixture.h"

namespace ddpm {

/// `TrainedCommandTest` with a recipe for classifiers and a cache of its own.
class EvalCommand : public TrainedCommandTest {
 protected:
  EvalCommand() {
    ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1);
    ::unsetenv("DDPM_INCEPTION");
    dir_.write("configs/fashion-mnist-features.yaml", kRecipe);
  }
  ~EvalCommand() override { ::unsetenv("XDG_CACHE_HOME"); }

  CommandResult eval(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"eval", "-q", "--batch-size", "8"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  static constexpr const char* kRecipe = R"(
data: {name: folder, root: elsewhere}
model:
  block_out_channels: [8, 8]
  layers_per_block: 1
  down_block_types: [DownBlock2D, DownBlock2D]
  up_block_types: [UpBlock2D, UpBlock2D]
  norm_num_groups: 4
classifier: {feature_dim: 3}
train:
  {task: classifier, steps: 4, warmup_steps: 0, batch_size: 4, precision: float32, log_every: 2,
   save_every: 0}
)";
};

}  // namespace ddpm
