#include "ddpm/train/test_accuracy.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/model/classifier.h"
#include "tests/support/tiny_model.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

/// Whatever it sees, it says class 1.
Classifier stubborn_classifier() {
  Classifier classifier(tiny_classifier());
  classifier->init_weights(0);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : classifier->named_parameters())
    if (parameter.key() == "head.bias") parameter.value()[1] = 1e6;
  classifier->eval();
  return classifier;
}

TEST(TestAccuracy, IsTheShareOfRightClasses) {
  auto classifier = stubborn_classifier();
  for (const auto& process : kNames<ProcessType>) {
    DiffusionConfig diffusion;
    diffusion.process = process.value;
    const auto share = [&](int64_t images) {
      return test_accuracy(*classifier, diffusion, NoiseDataset(images), torch::kCPU);
    };
    EXPECT_EQ(share(2), 0.5) << process.name;        // classes 0 and 1
    EXPECT_EQ(share(300), 1.0 / 3) << process.name;  // more than are looked at together
  }
}

}  // namespace
}  // namespace ddpm
