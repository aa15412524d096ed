#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "ddpm/app/train_plan.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/checkpoints.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAugmentWeight = "augment_embedding.weight";

class AugmentedRun : public TrainedTest {
 protected:
  static fs::path train_into(const std::string& name, Texts settings = {}) {
    settings.emplace("train.augment", "0.5");
    EXPECT_EQ(train(training("runs/" + name, settings)).end, RunEnd::kFinished);
    return fs::path("runs") / name / "checkpoints/step-000006";
  }

  static std::set<std::string> tensors_in(const fs::path& file) {
    std::set<std::string> names;
    for (const auto& entry : load_safetensors_header(file).entries)
      names.insert(entry.name);
    return names;
  }
};

TEST_F(AugmentedRun, LeavesANetworkLikeAnyOther) {
  const auto augmented = train_into("augmented");
  const char* const weights = "unet/diffusion_pytorch_model.safetensors";
  EXPECT_EQ(tensors_in(augmented / weights), tensors_in(fs::path(kNewest) / weights));
  EXPECT_EQ(read_file(augmented / "unet/config.json"),
            read_file(fs::path(kNewest) / "unet/config.json"));
  EXPECT_FALSE(fs::exists(fs::path(kNewest) / "training/ema.safetensors"));
  EXPECT_EQ(tensors_in(augmented / "training/ema.safetensors"),
            std::set<std::string>{kAugmentWeight});
  for (const char* file : {"training/unet.safetensors", "training/exp_avg.safetensors"})
    EXPECT_TRUE(tensors_in(augmented / file).contains(kAugmentWeight)) << file;
}

TEST_F(AugmentedRun, LearnsFromTheLabelsAndDrawsWithoutThem) {
  const auto augmented = train_into("augmented");
  const auto moments = load_safetensors(augmented / "training/exp_avg_sq.safetensors");
  EXPECT_GT(moments.at(kAugmentWeight).abs().sum().item<double>(), 0.0);
  auto request = sampling(2);
  request.checkpoint = augmented.string();
  EXPECT_TRUE(drawn(request).isfinite().all().item<bool>());
}

TEST_F(AugmentedRun, DoesNotDependOnTheNumberOfThreadsThatReadImages) {
  const auto one = train_into("one", {{"data.workers", "1"}});
  expect_same_tensors(one, train_into("five", {{"data.workers", "5"}}));
}

TEST_F(AugmentedRun, StaysOneWhenItGoesOn) {
  EXPECT_THROW(train(resuming({{"train.augment", "0.5"}, {"train.steps", "8"}})), UserError);
}

TEST_F(AugmentedRun, MayBeginWithAModelThatWasNotAugmented) {
  TrainRequest request;
  request.init_from = "runs/tiny";
  request.run = "runs/new";
  put(request.settings, {{"train.augment", "0.5"}});
  const auto plan = plan_training(request, RunUse::kLook);
  EXPECT_EQ(plan.config.signature.augment_labels, 9);
  EXPECT_EQ(plan.start.weights.at(kAugmentWeight).abs().sum().item<double>(), 0.0);
}

TEST_F(AugmentedRun, OfAClassifierIsToldNothing) {
  const auto run =
      train(training("runs/classes", {{"train.augment", "0.5"}, {"train.task", "classifier"}}));
  EXPECT_EQ(run.end, RunEnd::kFinished);
  EXPECT_FALSE(exists("runs/classes/checkpoints/step-000006/training/ema.safetensors"));
}

}  // namespace
}  // namespace ddpm
