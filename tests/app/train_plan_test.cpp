#include "ddpm/app/train_plan.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/log_messages.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class TrainPlanTest : public AppTest {
 protected:
  template <typename Error>
  static void refused(const TrainRequest& request, const std::string& text) {
    expect_error<Error>([&] { plan_training(request, RunUse::kTrain); }, text);
  }
};

TEST_F(TrainPlanTest, TellsWhatWillBeDoneAndTouchesNothing) {
  const auto plan = plan_training(training(), RunUse::kLook);
  EXPECT_GT(plan.parameters, 1000);
  EXPECT_GT(plan.cost.macs, 1000);
  EXPECT_GT(memory_bytes(plan), 4 * plan.parameters);
  const auto& data = plan.dataset->info();
  EXPECT_EQ(data.images, 6);
  EXPECT_EQ(data.channels, 1);
  EXPECT_EQ(data.height, 8);
  EXPECT_EQ(data.width, 8);
  EXPECT_EQ(data.num_classes, 2);
  EXPECT_EQ(plan.run, "runs/tiny");
  EXPECT_TRUE(plan.checkpoint.empty());
  EXPECT_EQ(plan.device, torch::Device(torch::kCPU));
  EXPECT_EQ(plan.config.train.precision, Precision::kFloat32);
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainPlanTest, SettingsAreThoseOfTheFileWithThoseGivenOverThem) {
  const auto config = resolve_settings(training("runs/tiny", {{"train.lr", "0.001"}}), "");
  EXPECT_EQ(config.train.lr, 0.001);
  EXPECT_EQ(config.train.batch_size, 4);
  write_file_atomic("again.yaml", to_yaml(config));
  TrainRequest again;
  again.config = "again.yaml";
  EXPECT_TRUE(changed_settings(resolve_settings(again, ""), config).empty());
}

TEST_F(TrainPlanTest, WrongSettingsAreRefusedBeforeAnythingIsTouched) {
  const auto expect = [](const Texts& settings, const std::string& text) {
    expect_error<UserError>([&] { plan_training(training("runs/tiny", settings), RunUse::kTrain); },
                            text);
  };
  expect({{"train.lr", "nan"}}, "train.lr");
  expect({{"train.batch_size", "0"}}, "train.batch_size");
  expect({{"train.gradient_accumulation_steps", "3"}}, "multiple");
  expect({{"model.norm_num_groups", "5"}}, "norm_num_groups");
  expect({{"sample.guidance", "3"}, {"train.label_dropout", "0"}}, "guidance");
  expect({{"train.steps", "null"}}, "`max_time`");
  expect({{"data.image_size", "9"}}, "nearest: 8 or 10");
  expect({{"train.task", "classifier"}, {"train.loss_type", "l1"}}, "train.loss_type");
  expect({{"train.task", "classifier"}, {"train.timestep_sampler", "loss_second_moment"}},
         "train.timestep_sampler");
  expect({{"train.task", "classifier"}, {"train.eval_every", "2"}}, "train.eval_every");
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainPlanTest, WrongFilesAndPrecisionsAreRefused) {
  auto request = training();
  request.runtime.device = "cpu";
  request.runtime.precision = Precision::kTf32;
  refused<UserError>(request, "tf32");
  dir_.write("twice.yaml", "train:\n  lr: 0.1\n  lr: 0.2\n");
  request = training();
  request.config = "twice.yaml";
  refused<UserError>(request, "twice.yaml:3");
}

TEST_F(TrainPlanTest, WrongDataAreDataErrorsUnlessSkipped) {
  refused<DataError>(training("runs/tiny", {{"data.root", "nowhere"}}), "nowhere");
  dir_.write("images/cat/broken.png", "not a picture");
  refused<DataError>(training(), "broken.png");
  const auto skipping = training("runs/tiny", {{"data.skip_bad", "true"}});
  EXPECT_EQ(plan_training(skipping, RunUse::kTrain).dataset->skipped(), 1);
  EXPECT_FALSE(exists("runs"));
}

TEST_F(TrainPlanTest, FoldersWithoutClassesCannotBeClassConditional) {
  fs::rename("images/cat", "flat");
  refused<UserError>(training("runs/tiny", {{"data.root", "flat"}}), "sub-folder");
  const auto plan = plan_training(
      training("runs/tiny", {{"data.root", "flat"}, {"model.class_conditional", "false"}}),
      RunUse::kTrain);
  EXPECT_EQ(plan.dataset->info().num_classes, 0);
}

TEST_F(TrainPlanTest, FilesOfAPersonsOwnAreNotTakenForARun) {
  dir_.write("config.yaml", "mine");
  auto request = training(".");
  refused<UserError>(request, "config.yaml");
  request.resume = true;
  refused<UserError>(request, "config.yaml");
  EXPECT_EQ(read_file("config.yaml"), "mine");
}

TEST_F(TrainPlanTest, NoRunIsTrainedInsideAModel) {
  for (const char* file : {"unet/config.json", "model_index.json", "unet_ema/config.json"}) {
    dir_.write(std::string("model/") + file, "{}");
    auto request = training("model");
    for (const bool resume : {false, true}) {
      request.resume = resume;
      refused<UserError>(request,
                         "model: holds a model and is no run; start from it with "
                         "`init_from` model");
    }
    std::filesystem::remove_all("model");
  }
}

/// Of a run that is there.
class ResumePlanTest : public TrainedTest {
 protected:
  static void refused(const TrainRequest& request, const std::string& text) {
    expect_error<UserError>([&] { plan_training(request, RunUse::kTrain); }, text);
  }
};

TEST_F(ResumePlanTest, RunsAreNeverOverwritten) {
  refused(training(), "runs/tiny: holds checkpoints already; go on with `resume`");
  refused(training("runs/tiny", {{"train.gradient_accumulation_steps", "3"}}), "multiple");
  EXPECT_EQ(plan_training(training(), RunUse::kLook).run, "runs/tiny");
  EXPECT_EQ(plan_training(training("elsewhere"), RunUse::kTrain).run, "elsewhere");
}

TEST_F(ResumePlanTest, NeedsSettingsOrARun) {
  TrainRequest request;
  request.resume = true;
  request.run = "runs/none";
  refused(request, "runs/none: no run to go on with");
  request.run = "runs/tiny";
  const auto plan = plan_training(request, RunUse::kTrain);
  EXPECT_EQ(plan.checkpoint, kNewest);
  EXPECT_EQ(plan.config.train.batch_size, 4);
}

TEST_F(ResumePlanTest, MayNotChangeTheModel) {
  refused(resuming({{"model.dropout", "0.5"}}), "model.dropout was 0, now 0.5");
  refused(resuming({{"train.batch_size", "2"}}), "train.batch_size was 4, now 2");
  refused(resuming({{"train.label_dropout", "0"}}), "num_class_embeds");
  dir_.write("images/horse/1.png", read_file("images/cat/0.png"));
  refused(resuming(), "_class_names");
}

TEST_F(ResumePlanTest, TellsWhatElseChanged) {
  const LogMessages messages;
  plan_training(resuming({{"train.lr", "0.5"}, {"train.steps", "7"}}), RunUse::kTrain);
  EXPECT_TRUE(messages.have("train.lr was 0.0002, now 0.5")) << messages.all();
}

}  // namespace
}  // namespace ddpm
