#include "ddpm/train/plan.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

TEST(CompleteConfig, TakesShapeAndClassesFromTheData) {
  const auto config = complete_config(tiny_config(), NoiseDataset(9).info());
  EXPECT_EQ(config.signature.data_channels, 1);
  EXPECT_EQ(config.signature.in_channels, 1);
  EXPECT_EQ(config.signature.sample_size, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(config.signature.classes, 3);
  EXPECT_EQ(config.signature.null_label, 3);
}

TEST(CompleteConfig, WithoutLabelDropoutThereIsNoNullClass) {
  auto config = tiny_config();
  config.train.label_dropout = 0;
  config = complete_config(config, NoiseDataset(9).info());
  EXPECT_EQ(config.signature.classes, 3);
  EXPECT_FALSE(config.signature.null_label.has_value());
}

TEST(CompleteConfig, RefusesClassesThatTheDataDoNotHave) {
  auto info = NoiseDataset(9).info();
  info.num_classes = 0;
  EXPECT_THROW(complete_config(tiny_config(), info), UserError);
}

TEST(CompleteConfig, RefusesSizesThatTheLevelsDoNotDivide) {
  auto info = NoiseDataset(9).info();
  info.height = 9;
  EXPECT_THROW(complete_config(tiny_config(), info), UserError);
}

}  // namespace
}  // namespace ddpm
