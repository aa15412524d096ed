#include "ddpm/train/plan.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

/// Data of which only the form is known.
class FormOfData : public TrainingData {
 public:
  explicit FormOfData(SampleSpec spec) : TrainingData(std::move(spec), "memory") {}
  int64_t size() const override { return 9; }
  int64_t label(int64_t) const override { return -1; }
  void fill(int64_t, int64_t, float*) const override {}
};

TEST(CompleteConfig, TakesShapeAndClassesFromTheData) {
  const auto config = complete_config(tiny_config(), NoiseData(9));
  EXPECT_EQ(config.signature.data_channels, 1);
  EXPECT_EQ(config.signature.in_channels, 1);
  EXPECT_EQ(config.signature.sample_size, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(config.signature.classes, 3);
  EXPECT_EQ(config.signature.null_label, 3);
}

TEST(CompleteConfig, WithoutLabelDropoutThereIsNoNullClass) {
  auto config = tiny_config();
  config.train.label_dropout = 0;
  config = complete_config(config, NoiseData(9));
  EXPECT_EQ(config.signature.classes, 3);
  EXPECT_FALSE(config.signature.null_label.has_value());
}

TEST(CompleteConfig, TellsADenoiserOfAugmentationAndNoClassifier) {
  auto config = tiny_config();
  EXPECT_EQ(complete_config(config, NoiseData(9)).signature.augment_labels, 0);
  config.train.augment = 0.1;
  const auto data = training_images(std::make_shared<NoiseDataset>(9), config);
  EXPECT_EQ(complete_config(config, data).signature.augment_labels, kAugmentLabels);
  config.train.task = Task::kClassifier;
  EXPECT_EQ(complete_config(config, data).signature.augment_labels, 0);
}

TEST(CompleteConfig, RefusesClassesThatTheDataDoNotHave) {
  const FormOfData data({.channels = 1, .height = 8, .width = 8});
  EXPECT_THROW(complete_config(tiny_config(), data), UserError);
}

TEST(CompleteConfig, RefusesSizesThatTheLevelsDoNotDivide) {
  const FormOfData data({.channels = 1, .height = 9, .width = 8, .num_classes = 3});
  EXPECT_THROW(complete_config(tiny_config(), data), UserError);
}

}  // namespace
}  // namespace ddpm
