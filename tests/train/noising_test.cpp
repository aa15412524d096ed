#include "ddpm/train/noising.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

Batch batch_of(int64_t count) {
  return {.images = torch::rand({count, 1, 8, 8}) * 2 - 1,
          .labels = torch::zeros({count}, torch::kInt64),
          .timesteps = {},
          .noise = {}};
}

NoisyBatch noised(const Noising& noising, Batch batch, int64_t first_place) {
  noising.draw(batch, first_place);
  return noising.apply(batch, torch::kCPU);
}

TEST(Noising, DependsOnThePlaceNotOnTheBatch) {
  const Noising noising(DiffusionConfig(), tiny_model(), 0.5, 1);
  const auto batch = batch_of(8);
  const auto whole = noised(noising, batch, 100);
  const Batch second{.images = batch.images.narrow(0, 4, 4),
                     .labels = torch::zeros({4}, torch::kInt64),
                     .timesteps = {},
                     .noise = {}};
  const auto part = noised(noising, second, 104);
  EXPECT_TRUE(torch::equal(whole.x_t.narrow(0, 4, 4), part.x_t));
  EXPECT_TRUE(torch::equal(whole.timesteps.narrow(0, 4, 4), part.timesteps));
  EXPECT_TRUE(torch::equal(whole.labels.narrow(0, 4, 4), part.labels));
}

TEST(Noising, TargetOfEpsilonIsTheNoiseInTheImage) {
  DiffusionConfig diffusion;
  const Noising noising(diffusion, tiny_model(), 0, 1);
  const auto batch = batch_of(4);
  const auto noisy = noised(noising, batch, 0);
  const NoiseSchedule schedule(diffusion);
  for (int64_t i = 0; i < 4; ++i) {
    const double a = schedule.alpha_bar(noisy.timesteps[i].item<int64_t>());
    const auto expected = std::sqrt(a) * batch.images[i] + std::sqrt(1 - a) * noisy.target[i];
    EXPECT_TRUE(torch::allclose(noisy.x_t[i], expected, 1e-5, 1e-6));
  }
}

TEST(Noising, DropsTheShareOfLabelsThatItIsToldTo) {
  const Noising noising(DiffusionConfig(), tiny_model(), 0.25, 1);
  const Batch batch{.images = torch::zeros({4000, 1, 1, 1}),
                    .labels = torch::ones({4000}, torch::kInt64),
                    .timesteps = {},
                    .noise = {}};
  const auto labels = noised(noising, batch, 0).labels;
  EXPECT_NEAR((labels == 3).to(torch::kFloat64).mean().item<double>(), 0.25, 0.03);
}

TEST(Noising, UnconditionalModelsGetNoLabels) {
  auto model = tiny_model();
  model.num_class_embeds.reset();
  model.null_class_label.reset();
  const Noising noising(DiffusionConfig(), model, 0.1, 1);
  EXPECT_FALSE(noised(noising, batch_of(2), 0).labels.defined());
}

}  // namespace
}  // namespace ddpm
