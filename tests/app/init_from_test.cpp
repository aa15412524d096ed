#include "ddpm/app/init_from.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "ddpm/app/train_plan.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class InitFrom : public TrainedTest {
 protected:
  /// A new run that begins with the model at `path`.
  static TrainRequest from(const std::string& path, const Texts& settings = {}) {
    TrainRequest request;
    request.init_from = path;
    request.run = "runs/new";
    put(request.settings, settings);
    return request;
  }

  static std::string foreign(const std::string& name) {
    return std::string(DDPM_TEST_DATA) + "/unet/" + name;
  }

  static NamedTensors ema(const fs::path& checkpoint) {
    return load_weights(open_model_folder(checkpoint));
  }
};

TEST_F(InitFrom, BeginsWithTheWeightsAndTheSettingsOfARun) {
  auto request =
      from("runs/tiny", {{"train.steps", "1"}, {"train.lr", "1e-9"}, {"train.warmup_steps", "0"}});
  train(request);
  const auto before = ema(kNewest);
  for (const auto& [name, tensor] : ema("runs/new/checkpoints/last"))
    EXPECT_LT(difference(tensor, before.at(name)), 1e-6) << name;
  const auto state = load_training_state("runs/new/checkpoints/step-000001");
  EXPECT_EQ(state.step, 1);
  EXPECT_NE(state.began_from.find("runs/tiny/checkpoints/step-000006 (weights "),
            std::string::npos);
}

TEST_F(InitFrom, WhereARunBeganStaysInItsState) {
  train(from("runs/tiny", {{"train.steps", "1"}}));
  auto request = from("", {{"train.steps", "2"}});
  request.resume = true;
  train(request);
  EXPECT_FALSE(load_training_state("runs/new/checkpoints/step-000002").began_from.empty());
}

TEST_F(InitFrom, ClassesOfTheSameNameKeepTheirRows) {
  write_image("others/dog/a.png", 10);
  write_image("others/emu/b.png", 90);
  write_image("others/fox/c.png", 200);
  const auto plan = plan_training(from("runs/tiny", {{"data.root", "others"}}), RunUse::kLook);
  EXPECT_EQ(plan.config.signature.class_names, (std::vector<std::string>{"dog", "emu", "fox"}));
  const auto old = ema(kNewest).at("class_embedding.weight");  // cat, dog, no class
  const auto& table = plan.start.weights.at("class_embedding.weight");
  ASSERT_EQ(table.size(0), 4);
  EXPECT_TRUE(table[0].equal(old[1]));
  EXPECT_TRUE(table[1].equal(old[2]));
  EXPECT_TRUE(table[3].equal(old[2]));
}

TEST_F(InitFrom, AnotherSizeIsTakenWhereTheNetworkAllowsIt) {
  const auto plan = plan_training(from("runs/tiny", {{"data.image_size", "12"}}), RunUse::kLook);
  EXPECT_EQ(plan.config.signature.sample_size, (std::vector<int64_t>{12, 12}));
  EXPECT_THROW(plan_training(from("runs/tiny", {{"data.image_size", "9"}}), RunUse::kLook),
               UserError);
}

TEST_F(InitFrom, NetworkAndProcessAreTheModelsEvenWithAConfig) {
  auto request = from("runs/tiny");
  request.config = "other.yaml";
  write_file_atomic("other.yaml",
                    "data: {name: folder, root: images}\n"
                    "model: {block_out_channels: [32]}\n"
                    "diffusion: {num_train_timesteps: 7}\n"
                    "train: {steps: 3, warmup_steps: 0, batch_size: 2, precision: float32}\n"
                    "sample: {steps: 3}\n");
  const auto plan = plan_training(request, RunUse::kLook);
  EXPECT_EQ(plan.config.model.block_out_channels, (std::vector<int64_t>{8, 16}));
  EXPECT_EQ(plan.config.diffusion.num_train_timesteps, 50);
  EXPECT_EQ(plan.config.train.batch_size, 2);
  EXPECT_EQ(plan.config.signature.classes, 0);  // as the file has it
}

TEST_F(InitFrom, AnotherNetworkIsRefused) {
  const auto refused = [](const Texts& settings, const std::string& text) {
    expect_error<UserError>([&] { plan_training(from("runs/tiny", settings), RunUse::kLook); },
                            text);
  };
  refused({{"model.layers_per_block", "2"}}, "model.layers_per_block");
  refused({{"model.block_out_channels", "[8, 8]"}}, "model.block_out_channels");
  plan_training(from("runs/tiny", {{"model.layers_per_block", "1"}, {"model.dropout", "0.1"}}),
                RunUse::kLook);
}

TEST_F(InitFrom, AFolderOfDiffusersIsTrainedFurtherAndResumed) {
  const Texts settings{{"data.name", "folder"},     {"data.root", "images"},
                       {"train.steps", "2"},        {"train.batch_size", "2"},
                       {"train.warmup_steps", "0"}, {"train.precision", "float32"},
                       {"train.sample_every", "0"}, {"sample.steps", "2"}};
  train(from(foreign("grey_attention"), settings));
  auto request = from("", {{"train.steps", "3"}});
  request.resume = true;
  EXPECT_EQ(train(request).step, 3);
  const auto now = load_json("runs/new/checkpoints/last/unet/config.json");
  const auto then = load_json(fs::path(foreign("grey_attention")) / "unet/config.json");
  for (const char* key :
       {"block_out_channels", "flip_sin_to_cos", "freq_shift", "norm_eps", "dropout"})
    EXPECT_EQ(now.at(key), then.at(key)) << key;
}

TEST_F(InitFrom, NeedsAModel) {
  EXPECT_THROW(plan_training(from("images"), RunUse::kLook), CheckpointError);
  EXPECT_THROW(plan_training(from("nowhere"), RunUse::kLook), UserError);
}

}  // namespace
}  // namespace ddpm
