#include "ddpm/app/train_plan.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/app/train_outlook.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"
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

TEST_F(TrainPlanTest, SaysWhatOfTheDataWasTakenAndLeftOut) {
  dir_.write("images/cat/a.heic", "x");
  dir_.write("images/runs/one/metrics.jsonl", "");
  dir_.write("images/runs/one/samples/x.png", "");
  const auto plan = plan_training(training(), RunUse::kLook);
  const auto lines = join(plan_lines(plan), "\n");
  EXPECT_NE(lines.find("took 6 files in 2 classes; left out: 1 file (1 .heic)"), std::string::npos);
  EXPECT_NE(lines.find("runs of ddpm are no data: runs"), std::string::npos);
  const LogMessages messages;
  tell_data_warnings(plan);
  EXPECT_TRUE(messages.have("kinds that are not read are left out: 1 file (1 .heic)"));
}

TEST_F(TrainPlanTest, AllBrokenFilesAreNamedOnWish) {
  dir_.write("images/cat/2.png", "oops");
  dir_.write("images/dog/3.png", "oops");
  auto request = training();
  request.check_data = true;
  const LogMessages messages;
  refused<DataError>(request, "2 of 6 images are broken");
  EXPECT_TRUE(messages.have("cat/2.png: not a"));
  EXPECT_TRUE(messages.have("dog/3.png: not a"));
  request.settings.put("data.skip_bad", "true");
  EXPECT_EQ(plan_training(request, RunUse::kLook).broken_files.size(), 2U);
}

TEST_F(TrainPlanTest, ARelativeRootIsKeptSoThatTheRunFindsIt) {
  EXPECT_EQ(plan_training(training(), RunUse::kLook).config.data.root, "images");
  EXPECT_EQ(plan_training(training("elsewhere"), RunUse::kLook).config.data.root,
            (dir_.path() / "images").string());
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

TEST_F(ResumePlanTest, OtherImagesAreRefusedUnlessAskedFor) {
  const auto refused_data = [](TrainRequest request, const std::string& text) {
    expect_error<DataError>([&] { plan_training(request, RunUse::kTrain); }, text);
  };
  auto request = resuming();
  fs::rename("images/cat/0.png", "images/cat/00.png");
  refused_data(request, "names or sizes of files differ); bring the run's images back, or go on");
  request.accept_changed_data = true;
  const LogMessages messages;
  EXPECT_EQ(plan_training(request, RunUse::kTrain).checkpoint, kNewest);
  EXPECT_TRUE(messages.have("the run goes on with the new")) << messages.all();
  fs::remove("images/cat/00.png");
  refused_data(request, "it had 6 images, now there are 5");
}

TEST_F(ResumePlanTest, ARelativeRootIsFoundFromOtherFolders) {
  TrainRequest request;
  request.run = dir_.path() / "runs/tiny";
  request.resume = true;
  const TempDir elsewhere;
  fs::current_path(elsewhere.path());
  const auto plan = plan_training(request, RunUse::kTrain);
  EXPECT_EQ(plan.config.data.root, (dir_.path() / "images").string());
  fs::current_path(dir_.path());
}

TEST_F(ResumePlanTest, TellsWhatElseChanged) {
  const LogMessages messages;
  plan_training(resuming({{"train.lr", "0.5"}, {"train.steps", "7"}}), RunUse::kTrain);
  EXPECT_TRUE(messages.have("train.lr was 0.0002, now 0.5")) << messages.all();
}

TEST_F(TrainPlanTest, DefaultsThatDoNotFitGiveWay) {
  TrainRequest request;
  request.dataset = plan_training(training(), RunUse::kLook).dataset;
  put(request.settings, {{"train.steps", "100"},
                         {"diffusion.num_train_timesteps", "20"},
                         {"model.block_out_channels", "8,12"},
                         {"train.gradient_accumulation_steps", "3"}});
  const LogMessages messages;
  const auto config = plan_training(request, RunUse::kLook).config;
  EXPECT_EQ(config.train.warmup_steps, 10);
  EXPECT_EQ(config.sample.steps, 20);
  EXPECT_EQ(config.train.batch_size, 126);
  EXPECT_EQ(config.model.norm_num_groups, 4);
  EXPECT_EQ(config.model.up_block_types, (std::vector<std::string>{"AttnUpBlock2D", "UpBlock2D"}));
  EXPECT_TRUE(messages.have("train.warmup_steps is 10, not 500, to fit train.steps 100"));
}

TEST_F(TrainPlanTest, WhatAPersonHasSetIsRefused) {
  refused<UserError>(training("runs/tiny", {{"train.steps", "5"}, {"train.warmup_steps", "7"}}),
                     "train.warmup_steps must be below train.steps 5");
  refused<UserError>(training("runs/tiny", {{"sample.steps", "70"}}), "sample.steps must be");
}

TEST_F(TrainPlanTest, TellsWhatARunComesTo) {
  auto plan = plan_training(training("runs/tiny", {{"train.steps", "600"}}), RunUse::kLook);
  plan.parameters = 1'000'000;
  EXPECT_EQ(outlook_line(plan, 0.5),
            "speed   about 8 images/s: 600 steps in 5:00, 2400 images, 400 passes over the data");
  EXPECT_NE(outlook_warning(plan, 0.5).find("2400 images are few for a net of 1.0 million"),
            std::string::npos);
  EXPECT_EQ(outlook_warning(plan, 0.05), "");  // a try
  plan.parameters = 100'000;
  EXPECT_EQ(outlook_warning(plan, 0.5), "");
  plan.config.train.max_minutes = 1;
  EXPECT_EQ(outlook_of(plan, 0.5).steps, 120);
}

class EditedRun : public TrainedTest {
 protected:
  static void edit(const std::string& from, const std::string& to) {
    auto text = read_file("runs/tiny/config.yaml");
    const auto place = text.find(from);
    ASSERT_NE(place, text.npos);
    write_file_atomic("runs/tiny/config.yaml", text.replace(place, from.size(), to));
  }
  static TrainRequest going_on() {
    auto request = resuming();
    request.config.clear();
    return request;
  }
};

TEST_F(EditedRun, TheRunsOwnFileIsTakenAndToldOf) {
  edit("  steps: 6\n", "  steps: 8\n");
  const LogMessages messages;
  EXPECT_EQ(train(going_on()).step, 8);
  EXPECT_TRUE(messages.have("runs/tiny/config.yaml: train.steps 8 (was 6)")) << messages.all();
}

TEST_F(EditedRun, WhatCannotChangeIsRefusedAndTheFileStays) {
  edit("num_train_timesteps: 50", "num_train_timesteps: 60");
  expect_error<UserError>([] { train(going_on()); },
                          "diffusion.num_train_timesteps was 50, now 60");
  EXPECT_NE(read_file("runs/tiny/config.yaml").find("timesteps: 60"), std::string::npos);
}

TEST_F(EditedRun, AnotherConfigReplacesItWithAWarning) {
  edit("  steps: 6\n", "  steps: 8\n");
  const LogMessages messages;
  EXPECT_EQ(train(resuming()).step, 6);
  EXPECT_TRUE(messages.have("train.steps 8 (was 6), which is not read")) << messages.all();
}

TEST_F(EditedRun, AMovedLearningRateIsTold) {
  const LogMessages messages;
  train(resuming({{"train.steps", "8"}, {"train.lr", "0.001"}}));
  EXPECT_TRUE(messages.have("the learning rate goes on at 0.001; it would have been 0.0002"))
      << messages.all();
}

}  // namespace
}  // namespace ddpm
