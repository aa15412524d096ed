#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command_fixture.h"

namespace ddpm {

/// A folder in which a model and a classifier were trained, with a cache of its own.
class EvalCommand : public CommandTest {
 protected:
  EvalCommand() {
    ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1);
    ::unsetenv("DDPM_INCEPTION");
    dir_.write("configs/fashion-mnist-features.yaml", kRecipe);
    EXPECT_EQ(train({"-q"}).exit_code, 0);
  }
  ~EvalCommand() override { ::unsetenv("XDG_CACHE_HOME"); }

  CommandResult eval(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"eval", "-q", "--batch-size", "8"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  nlohmann::json eval_json(std::vector<std::string> words) const {
    words.emplace_back("--json");
    const auto result = eval(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return nlohmann::json::parse(result.out);
  }

  static std::vector<std::string> evaluation_without_end() {
    return {"eval", "--fid", "-n", "100000", "--batch-size", "1", "--steps", "1", "--no-bounds"};
  }
  static bool has_scored_some(const BackgroundCommand& command) {
    return command.err().find("/100000 images") != std::string::npos;
  }

  /// A distance of 8 images and bits of some, which take long, where the stop comes.
  CommandResult stopped_in_bits(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"eval", "--fid", "-n", "8", "--bpd", "--bpd-method", "ode"};
    words.insert(words.end(), more.begin(), more.end());
    BackgroundCommand command(words, dir_.path());
    EXPECT_TRUE(command.wait_until(
        [&] { return command.err().find("bits per dimension:") != std::string::npos; }));
    command.send(SIGINT);
    const auto result = command.wait();
    EXPECT_EQ(result.exit_code, 85) << result.err;
    return result;
  }

  /// An error of one line, which a line on the features may precede.
  static void expect_last_error(const CommandResult& result, int code, const std::string& text) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    const auto line = result.err.find("ddpm: ");
    ASSERT_NE(line, std::string::npos) << result.err;
    EXPECT_NE(result.err.find(text, line), std::string::npos) << result.err;
    EXPECT_EQ(result.err.find('\n', line), result.err.size() - 1) << result.err;
    EXPECT_EQ(result.out, "");
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
