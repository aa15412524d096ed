#include "ddpm/model/signature.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

TEST(FindClass, KnowsClassesByNameAndByNumber) {
  auto signature = tiny_model().signature;
  signature.class_names = {"cat", "Ankle boot", "7"};
  EXPECT_EQ(find_class("ankle-boot", signature), 1);
  EXPECT_EQ(find_class("ANKLE_BOOT", signature), 1);
  EXPECT_EQ(find_class("2", signature), 2);
  EXPECT_EQ(find_class("7", signature), 2);
  for (const char* word : {"3", "-1", "dog", "1x", ""})
    EXPECT_FALSE(find_class(word, signature).has_value()) << word;
}

TEST(FindClass, TakesTheExactNameAndGuessesBetweenNone) {
  auto signature = tiny_model().signature;
  signature.class_names = {"Cat", "cat", "ankle boot"};
  EXPECT_EQ(find_class("Cat", signature), 0);
  EXPECT_EQ(find_class("cat", signature), 1);
  EXPECT_THROW(find_class("CAT", signature), UserError);
  EXPECT_EQ(find_class("Ankle-Boot", signature), 2);
}

TEST(CheckGuidance, NeedsClassesAndLabelDropout) {
  auto model = tiny_model().signature;
  SampleConfig guided;
  guided.guidance = 3.0;
  check_guidance(model, guided);
  model.null_label.reset();
  EXPECT_THROW(check_guidance(model, guided), UserError);
  model.classes = 0;
  EXPECT_THROW(check_guidance(model, guided), UserError);
  check_guidance(model, SampleConfig());
}

TEST(CheckGuidance, TakesANegativeClassForNoClass) {
  auto model = tiny_model().signature;
  model.null_label.reset();
  SampleConfig options;
  options.guidance = 3.0;
  options.negative_class = 2;
  check_guidance(model, options);
  options.negative_class = 3;
  EXPECT_THROW(check_guidance(model, options), UserError);
}

TEST(CycleLabels, RepeatWhatIsAskedForElseAllClasses) {
  const auto model = tiny_model().signature;
  EXPECT_EQ(cycle_labels(model, {2, 0}, 3), (std::vector<int64_t>{2, 0, 2}));
  EXPECT_EQ(cycle_labels(model, {}, 4), (std::vector<int64_t>{0, 1, 2, 0}));
  auto unconditional = model;
  unconditional.classes = 0;
  EXPECT_TRUE(cycle_labels(unconditional, {}, 4).empty());
}

}  // namespace
}  // namespace ddpm
