#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ddpm/app/sample_plan.h"
#include "ddpm/app/train_session.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/log_messages.h"

namespace ddpm {
namespace {

using nlohmann::json;

/// Has a run `judge` of a classifier too.
class ClassifierRun : public TrainedTest {
 protected:
  ClassifierRun() { trained_ = train(judging("runs/judge")); }

  static TrainRequest judging(const std::string& run, Texts settings = {}) {
    settings["train.task"] = "classifier";
    return training(run, settings);
  }

  /// Draws two dogs with the guidance of a classifier.
  static SampleRequest guided(const std::string& checkpoint, const std::string& classifier,
                              double scale = 1.0) {
    auto request = sampling(2);
    request.checkpoint = checkpoint;
    request.classes = "dog";
    request.classifier = classifier;
    request.classifier_scale = scale;
    return request;
  }

  TrainResult trained_;
};

TEST_F(ClassifierRun, HoldsAClassifierAndNoDenoiser) {
  EXPECT_EQ(trained_.end, RunEnd::kFinished);
  EXPECT_FALSE(trained_.test_accuracy.has_value());  // there is no test split
  EXPECT_TRUE(exists("runs/judge/checkpoints/step-000006/classifier/model.safetensors"));
  EXPECT_FALSE(exists("runs/judge/checkpoints/step-000006/unet"));
}

TEST_F(ClassifierRun, GoesOnAndNotesTheAccuracy) {
  TrainRequest request;
  request.run = "runs/judge";
  request.resume = true;
  put(request.settings, {{"train.steps", "8"}});
  EXPECT_EQ(train(request).step, 8);
  const auto lines = read_file("runs/judge/metrics.jsonl");
  const auto last = json::parse(lines.substr(lines.rfind('\n', lines.size() - 2) + 1));
  EXPECT_EQ(last.at("step"), 8);
  EXPECT_GE(last.at("accuracy").get<double>(), 0.0);
  EXPECT_LE(last.at("accuracy").get<double>(), 1.0);
}

TEST_F(ClassifierRun, TestImagesTellTheAccuracyAtTheEnd) {
  for (const std::string split : {"split/train", "split/test"})
    for (int i = 0; i < 6; ++i)
      write_image(split + (i % 2 == 0 ? "/cat/" : "/dog/") + std::to_string(i) + ".png",
                  static_cast<uint8_t>(40 * i));
  const LogMessages messages;
  const double accuracy =
      train(judging("runs/split", {{"data.root", "split"}})).test_accuracy.value();
  EXPECT_TRUE(accuracy >= 0 && accuracy <= 1) << accuracy;
  EXPECT_TRUE(messages.have("on 6 clean images")) << messages.all();
}

TEST_F(ClassifierRun, IsNoneToDrawWith) {
  const LogMessages messages;
  EXPECT_EQ(plan_sampling(sampling(1)).checkpoint, kNewest);
  EXPECT_TRUE(messages.have(kNewest)) << messages.all();
  auto request = sampling(1);
  request.checkpoint = "runs/judge";
  expect_error<CheckpointError>([&] { sample(request); }, "holds a classifier");
}

TEST_F(ClassifierRun, GuidesByItsScaleAndNotAtAllAtZero) {
  auto request = guided("runs/tiny", "");
  const auto plain = drawn(request);
  EXPECT_TRUE(torch::equal(drawn(guided("runs/tiny", "runs/judge", 0)), plain));
  EXPECT_FALSE(torch::equal(drawn(guided("runs/tiny", "runs/judge", 20)), plain));
}

TEST_F(ClassifierRun, TellsAnUnconditionalModelItsClasses) {
  train(training("runs/plain", {{"model.class_conditional", "false"}}));
  const auto request = guided("runs/plain", "runs/judge");
  EXPECT_EQ(plan_sampling(request).labels, (std::vector<int64_t>{1, 1}));
  EXPECT_FALSE(torch::equal(drawn(request), drawn(guided("runs/plain", "runs/judge", 0))));
}

TEST_F(ClassifierRun, OnlyGuidesModelsThatItFits) {
  const auto denoiser = guided("runs/tiny", "runs/tiny");
  expect_error<CheckpointError>([&] { sample(denoiser); }, "holds a denoising model");
  train(judging("runs/colour", {{"data.channels", "3"}}));
  const auto colour = guided("runs/tiny", "runs/colour");
  expect_error<UserError>([&] { sample(colour); },
                          "`classifier` runs/colour: takes images of 3 channels");
}

}  // namespace
}  // namespace ddpm
