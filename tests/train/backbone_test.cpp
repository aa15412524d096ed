/// A backbone that is nothing but a network and a row of the table does all that a U-Net does.
#include <cmath>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/sample/generator.h"
#include "tests/support/mlp_backbone.h"
#include "tests/support/runs.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class NewBackbone : public testing::TestWithParam<OptimizerType> {
 protected:
  NewBackbone() { register_mlp(); }

  static Config config() {
    auto config = tiny_config();
    config.model.backbone = "mlp";
    config.train.optimizer = GetParam();
    config.train.lr_schedule = LrSchedule::kConstant;
    return config;
  }

  /// The losses of a run's lines of metrics.
  static std::vector<double> losses(const fs::path& run) {
    std::vector<double> losses;
    std::istringstream text(read_file(RunDirectory(run).metrics_file()));
    for (std::string line; std::getline(text, line);)
      losses.push_back(parse_json(line, "metrics").at("loss"));
    return losses;
  }

  TempDir dir_;
};

TEST_P(NewBackbone, Trains) {
  auto config = this->config();
  config.train.steps = 200;
  config.train.sample_every = 200;
  train(config, dir_.path());
  const auto found = losses(dir_.path());
  EXPECT_LT(found.back(), 0.95 * found.front());
  EXPECT_TRUE(fs::exists(RunDirectory(dir_.path()).sample_grid(200)));
}

TEST_P(NewBackbone, GoesOnToTheBitsOfTheUninterruptedRun) {
  auto half = config();
  half.train.steps = 20;
  train(config(), dir_.path() / "whole");
  train(half, dir_.path() / "halves");
  train(config(), dir_.path() / "halves");
  expect_same_bits(dir_.path() / "whole/checkpoints/step-000040",
                   dir_.path() / "halves/checkpoints/step-000040");
  EXPECT_EQ(losses(dir_.path() / "whole"), losses(dir_.path() / "halves"));
}

TEST_P(NewBackbone, IsSampledFromItsCheckpoint) {
  train(config(), dir_.path());
  const auto checkpoint = RunDirectory(dir_.path()).newest_checkpoint();
  EXPECT_TRUE(fs::exists(checkpoint / "mlp/model.safetensors"));
  EXPECT_TRUE(fs::exists(checkpoint / "training/mlp.safetensors"));
  const auto folder = open_model_folder(checkpoint);
  SampleConfig options;
  options.steps = 5;
  options.guidance = 2.0;
  Generator generator(load_network(folder, torch::kCPU), folder.diffusion, options, torch::kCPU);
  const auto images = generator.generate({.seeds = {1, 2}, .labels = {0, 2}, .initial_noise = {}});
  EXPECT_EQ(images.sizes(), (std::vector<int64_t>{2, 1, 8, 8}));
  EXPECT_TRUE(images.isfinite().all().item<bool>());
  EXPECT_FALSE(torch::equal(images[0], images[1]));
}

/// Rows of four numbers: a point of a ring, the product of its coordinates, and a number that goes
/// beyond what pixels can be.
class Rows : public TrainingData {
 public:
  Rows()
      : TrainingData({.kind = SampleKind::kReal, .channels = 4, .height = 1, .width = 1}, "rows") {}
  int64_t size() const override { return 64; }
  int64_t label(int64_t) const override { return -1; }
  void fill(int64_t index, int64_t, float* values) const override {
    const float angle = 0.1F * static_cast<float>(index);
    values[0] = std::cos(angle);
    values[1] = std::sin(angle);
    values[2] = values[0] * values[1];
    values[3] = 2.0F * values[0];
  }
};

TEST_P(NewBackbone, TrainsOnRowsOfNumbers) {
  auto settings = config();
  settings.model.class_conditional = false;
  settings.model.block_out_channels = {32};
  settings.model.down_block_types = {"DownBlock2D"};
  settings.model.up_block_types = {"UpBlock2D"};
  settings.train.steps = 400;
  settings.train.log_every = 100;
  settings.train.sample_every = 100;  // of which there are no pictures
  const Rows rows;
  RunFolder folder{RunDirectory(dir_.path())};
  folder.directory().create();
  Trainer trainer(complete_config(settings, rows), rows, folder);
  EXPECT_EQ(trainer.run(), RunEnd::kFinished);
  const auto found = losses(dir_.path());
  EXPECT_LT(found.back(), 0.8 * found.front());
  EXPECT_FALSE(fs::exists(RunDirectory(dir_.path()).sample_grid(400)));
}

INSTANTIATE_TEST_SUITE_P(Optimizers, NewBackbone,
                         testing::Values(OptimizerType::kAdamW, OptimizerType::kMuon));

}  // namespace
}  // namespace ddpm
