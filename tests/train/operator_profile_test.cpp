#include "ddpm/train/operator_profile.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/training.h"

namespace ddpm {
namespace {

int64_t calls_of(const std::vector<ProfileRow>& rows, const std::string& name) {
  const auto row = std::ranges::find(rows, name, &ProfileRow::name);
  return row == rows.end() ? 0 : row->calls;
}

TEST(OperatorProfile, CountsOperatorsOfItsLifetimeOnly) {
  const auto x = torch::ones({4, 4});
  torch::mm(x, x);
  const OperatorProfile profile;
  torch::mm(x, x);
  torch::mm(x, x);
  EXPECT_EQ(calls_of(profile.operators(), "aten::mm"), 2);
}

TEST(OperatorProfile, TimeOfInnerOperatorsIsTheirsAlone) {
  const auto x = torch::ones({600, 600});
  const OperatorProfile profile;
  torch::matmul(x, x);  // calls mm
  const auto rows = profile.operators();
  EXPECT_EQ(rows.front().name, "aten::mm");
  EXPECT_EQ(calls_of(rows, "aten::matmul"), 1);
}

TEST(OperatorProfile, KindsAddUpToTheOperators) {
  const std::vector<ProfileRow> rows{{"aten::convolution_backward", 3.0, 1},
                                     {"aten::mkldnn_convolution", 2.0, 2},
                                     {"something", 1.0, 4}};
  const auto kinds = by_kind(rows);
  ASSERT_EQ(kinds.size(), 2);
  EXPECT_EQ(kinds[0].name, "convolution");
  EXPECT_EQ(kinds[0].seconds, 5.0);
  EXPECT_EQ(kinds[1].name, "other");
  EXPECT_EQ(kinds[1].calls, 4);
}

TEST(ProfileTraining, SeesTheFusedOperatorsOnceACallAStep) {
  const NoiseData data(20);
  const Config config = complete_config(tiny_config(), data);
  const auto profile = profile_training(config, data, torch::kCPU, 3);
  const int64_t norms = calls_of(profile.operators, "ddpm::group_norm");
  EXPECT_GT(norms, 0);
  EXPECT_EQ(norms, calls_of(profile.operators, "ddpm::group_norm_backward"));
  EXPECT_EQ(norms % (3 * config.train.gradient_accumulation_steps), 0);
  EXPECT_EQ(calls_of(profile.operators, "aten::native_group_norm"), 0);
}

}  // namespace
}  // namespace ddpm
