#include "ddpm/train/plan.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

TEST(CompleteConfig, TakesShapeAndClassesFromTheData) {
  const auto config = complete_config(tiny_config(), NoiseDataset(9).info());
  EXPECT_EQ(config.model.in_channels, 1);
  EXPECT_EQ(config.model.sample_size, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(config.model.num_class_embeds, 4);
  EXPECT_EQ(config.model.null_class_label, 3);
}

TEST(CompleteConfig, WithoutLabelDropoutThereIsNoNullClass) {
  auto config = tiny_config();
  config.train.label_dropout = 0;
  config = complete_config(config, NoiseDataset(9).info());
  EXPECT_EQ(config.model.num_class_embeds, 3);
  EXPECT_FALSE(config.model.null_class_label.has_value());
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
