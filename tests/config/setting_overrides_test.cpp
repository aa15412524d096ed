#include "ddpm/config/setting_overrides.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

TEST(SettingOverrides, AreAppliedOverWhatIsThere) {
  SettingOverrides overrides;
  overrides.put("train.lr", "0.5");
  overrides.put("train.lr", "0.25");
  overrides.put("sample.steps", "7");
  Config config;
  config.train.batch_size = 3;
  overrides.apply(config);
  EXPECT_EQ(config.train.lr, 0.25);
  EXPECT_EQ(config.sample.steps, 7);
  EXPECT_EQ(config.train.batch_size, 3);
}

TEST(SettingOverrides, OfOneSectionLeaveTheOthers) {
  SettingOverrides overrides;
  overrides.put("train.lr", "0.5");
  overrides.put("sample.steps", "7");
  Config config;
  overrides.apply(config, "sample");
  EXPECT_EQ(config.train.lr, Config().train.lr);
  EXPECT_EQ(config.sample.steps, 7);
  EXPECT_TRUE(overrides.has_section("train"));
  EXPECT_FALSE(overrides.has_section("data"));
}

TEST(SettingOverrides, RefuseWhatDoesNotFitWhenTheyArePut) {
  SettingOverrides overrides;
  EXPECT_THROW(overrides.put("train.lr", "fast"), UserError);
  EXPECT_THROW(overrides.put("train.lrr", "1"), UserError);
  EXPECT_TRUE(overrides.texts().empty());
}

}  // namespace
}  // namespace ddpm
