#include "ddpm/config/names.h"

#include <set>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

template <typename E>
void expect_words_read_back() {
  std::set<std::string_view> words;
  for (const auto& entry : kNames<E>) {
    EXPECT_TRUE(words.insert(entry.name).second) << entry.name;
    EXPECT_EQ(from_name<E>(to_name(entry.value)), entry.value);
  }
}

TEST(Names, EveryWordReadsBack) {
  expect_words_read_back<TimeScaleShift>();
  expect_words_read_back<Resampling>();
  expect_words_read_back<BetaSchedule>();
  expect_words_read_back<PredictionType>();
  expect_words_read_back<OptimizerType>();
  expect_words_read_back<LrSchedule>();
  expect_words_read_back<Precision>();
  expect_words_read_back<GradientCheckpointing>();
  expect_words_read_back<Pooling>();
  expect_words_read_back<Variance>();
  expect_words_read_back<Task>();
  expect_words_read_back<DenoisingLoss>();
  expect_words_read_back<LossType>();
  expect_words_read_back<LossWeighting>();
  expect_words_read_back<TimestepSampler>();
  expect_words_read_back<Coupling>();
  expect_words_read_back<AugmentTransform>();
  expect_words_read_back<SamplerType>();
  expect_words_read_back<TimestepSpacing>();
  expect_words_read_back<VarianceType>();
  expect_words_read_back<ProcessType>();
  expect_words_read_back<FinalSigma>();
  expect_words_read_back<SolverType>();
  expect_words_read_back<GuidanceSchedule>();
}

TEST(Names, WordsAreThoseOfDiffusers) {
  EXPECT_EQ(to_name(BetaSchedule::kCosine), "squaredcos_cap_v2");
  EXPECT_EQ(to_name(PredictionType::kVPrediction), "v_prediction");
  EXPECT_EQ(to_name(VarianceType::kFixedLarge), "fixed_large");
  EXPECT_EQ(to_name(TimeScaleShift::kScaleShift), "scale_shift");
}

TEST(Names, UnknownWordIsNothing) {
  EXPECT_FALSE(from_name<BetaSchedule>("cosine"));
  EXPECT_FALSE(from_name<BetaSchedule>(""));
  EXPECT_FALSE(from_name<BetaSchedule>("Linear"));
}

TEST(Names, ListKeepsTheOrderOfTheTable) {
  EXPECT_EQ(all_names<VarianceType>(),
            (std::vector<std::string_view>{"fixed_small", "fixed_large", "learned_range"}));
}

}  // namespace
}  // namespace ddpm
