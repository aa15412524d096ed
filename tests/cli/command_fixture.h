#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ddpm/data/image_io.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_settings.h"

namespace ddpm {

/// A working folder with a dataset of a few images in two classes, and settings for a run of
/// seconds.
class CommandTest : public testing::Test {
 protected:
  CommandTest() {
    for (int i = 0; i < 6; ++i) {
      const std::string name = std::string(i % 2 == 0 ? "cat/" : "dog/") + std::to_string(i);
      write_image("images/" + name + ".png", static_cast<uint8_t>(40 * i));
    }
    dir_.write("tiny.yaml", settings_to_pure_noise());
  }

  /// The tiny settings with a schedule that ends where sampling begins, which needs no warning.
  static std::string settings_to_pure_noise() {
    constexpr std::string_view kTimesteps = "num_train_timesteps: 50";
    std::string settings = kTinySettings;
    return settings.replace(settings.find(kTimesteps), kTimesteps.size(),
                            "num_train_timesteps: 50, beta_schedule: squaredcos_cap_v2");
  }

  /// An image of one grey.
  void write_image(const std::string& name, uint8_t pixel) const {
    const Image image{
        .height = 8, .width = 8, .channels = 1, .pixels = std::vector<uint8_t>(64, pixel)};
    dir_.write(name, encode_png(image));
  }

  CommandResult ddpm(const std::vector<std::string>& words) const {
    return run_ddpm(words, dir_.path());
  }

  /// `ddpm train` with the folder's settings and `more` words.
  CommandResult train(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"train", "--config", "tiny.yaml"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  /// One line on stderr that names the program and says `text`, and this exit code.
  static void expect_error(const CommandResult& result, int code, const std::string& text) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_EQ(result.error_lines(), 1U) << result.err;
    EXPECT_TRUE(result.err.starts_with("ddpm: ")) << result.err;
    EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }

  bool exists(const std::string& name) const { return std::filesystem::exists(dir_.path() / name); }

  TempDir dir_;
};

/// Has a run `tiny` too, trained once for all tests, each of which gets a copy.
class TrainedCommandTest : public CommandTest {
 protected:
  TrainedCommandTest() {
    static const TempDir kept;
    const auto trained = kept.path() / "runs";
    if (!std::filesystem::exists(trained)) {
      EXPECT_EQ(train({"-q"}).exit_code, 0);
      copy_folder(dir_.path() / "runs", trained);
    } else {
      copy_folder(trained, dir_.path() / "runs");
    }
  }

 private:
  static void copy_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
    using std::filesystem::copy_options;
    std::filesystem::copy(from, to, copy_options::recursive | copy_options::copy_symlinks);
  }
};

}  // namespace ddpm
