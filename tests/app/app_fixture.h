#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/app/evaluate.h"
#include "ddpm/app/sample.h"
#include "ddpm/app/train_session.h"
#include "ddpm/data/image_io.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_settings.h"

namespace ddpm {

/// A working folder with a dataset of a few images in two classes, settings for a run of seconds,
/// and a cache of its own; it is the process's working folder while the test runs.
class AppTest : public testing::Test {
 protected:
  /// Settings by key, as they are typed.
  using Texts = std::map<std::string, std::string>;

  AppTest() : before_(std::filesystem::current_path()) {
    for (int i = 0; i < 6; ++i) {
      const std::string name = std::string(i % 2 == 0 ? "cat/" : "dog/") + std::to_string(i);
      write_image("images/" + name + ".png", static_cast<uint8_t>(40 * i));
    }
    dir_.write("tiny.yaml", kTinySettings);
    std::filesystem::current_path(dir_.path());
    ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1);
    ::unsetenv("DDPM_INCEPTION");
    at::set_num_threads(1);  // images of a few pixels are no work for two
  }
  ~AppTest() override {
    std::filesystem::current_path(before_);
    ::unsetenv("XDG_CACHE_HOME");
  }

  /// An image of one grey.
  void write_image(const std::string& name, uint8_t pixel) const {
    const Image image{
        .height = 8, .width = 8, .channels = 1, .pixels = std::vector<uint8_t>(64, pixel)};
    dir_.write(name, encode_png(image));
  }

  static TrainRequest training(const std::string& run = "runs/tiny", const Texts& settings = {}) {
    TrainRequest request;
    request.config = "tiny.yaml";
    request.run = run;
    put(request.settings, settings);
    return request;
  }

  /// Goes on with the run `tiny`.
  static TrainRequest resuming(const Texts& settings = {}) {
    auto request = training("runs/tiny", settings);
    request.resume = true;
    return request;
  }

  static void put(SettingOverrides& overrides, const Texts& settings) {
    for (const auto& [key, text] : settings)
      overrides.put(key, text);
  }

  bool exists(const std::string& name) const { return std::filesystem::exists(dir_.path() / name); }

  TempDir dir_;
  std::filesystem::path before_;
};

/// Has a run `tiny` too, trained once for all tests, each of which gets a copy.
class TrainedTest : public AppTest {
 protected:
  TrainedTest() {
    static const TempDir kept;
    const auto trained = kept.path() / "runs";
    if (!std::filesystem::exists(trained)) {
      train(training());
      copy_folder("runs", trained);
    } else {
      copy_folder(trained, "runs");
    }
  }

  static void copy_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
    using std::filesystem::copy_options;
    std::filesystem::copy(from, to, copy_options::recursive | copy_options::copy_symlinks);
  }

  /// Draws so many images with the newest run.
  static SampleRequest sampling(int64_t count, const Texts& settings = {}) {
    SampleRequest request;
    request.count = count;
    put(request.settings, settings);
    return request;
  }

  /// What is drawn, [N, C, H, W]; no file is written.
  static torch::Tensor drawn(SampleRequest request) {
    std::vector<torch::Tensor> images;
    request.on_images = [&](const torch::Tensor& batch) { images.push_back(batch.clone()); };
    sample(request);
    return torch::cat(images);
  }

  /// The largest difference of two tensors, which must be of one shape.
  static double difference(const torch::Tensor& a, const torch::Tensor& b) {
    EXPECT_EQ(a.sizes(), b.sizes());
    return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : 1e9;
  }

  static constexpr const char* kNewest = "runs/tiny/checkpoints/step-000006";
};

}  // namespace ddpm
