#include "ddpm/sample/editing.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/model/signature.h"
#include "ddpm/util/error.h"
#include "tests/support/golden.h"
#include "tests/support/random_unet.h"

namespace ddpm {
namespace {

/// A generator and pictures for its editing.
class Editing : public testing::Test {
 protected:
  Editing() { options_.steps = 6; }

  Generator generator(ProcessType process = ProcessType::kDiscrete) const {
    DiffusionConfig diffusion;
    diffusion.process = process;
    return Generator(random_unet(), diffusion, options_, torch::kCPU);
  }

  static GenerationRequest request(std::vector<uint64_t> seeds) {
    const auto labels =
        cycle_labels(tiny_model().signature, {1}, static_cast<int64_t>(seeds.size()));
    return {.seeds = std::move(seeds), .labels = labels, .initial_noise = {}};
  }

  /// Pictures, each from its own seed.
  static torch::Tensor pictures(int64_t count) {
    const auto model = tiny_model().signature;
    const auto columns = torch::linspace(-1, 1, model.sample_size[1]).view({1, 1, 1, -1});
    const auto phases = torch::arange(count).view({-1, 1, 1, 1}) * .7;
    return (3 * columns + phases)
        .sin()
        .mul(.8)
        .expand({count, model.data_channels, model.sample_size[0], -1})
        .contiguous();
  }

  static KnownPart left_half(const torch::Tensor& images) {
    auto keep = torch::zeros({1, 1, images.size(2), images.size(3)}, torch::kBool);
    keep.narrow(3, 0, images.size(3) / 2).fill_(true);
    return {.image = images, .keep = keep};
  }

  SampleConfig options_;
};

constexpr auto kQuiet = [](int64_t) {};

TEST_F(Editing, OfAnImageDoesNotDependOnItsBatch) {
  options_.eta = 1.0;
  options_.guidance = 2.0;
  auto generator = this->generator();
  const auto images = pictures(3);
  const RepaintJumps jumps{.length = 2, .samples = 2};
  const SdEdit edit{.strength = .5, .repeats = 2, .known = std::nullopt};
  const auto painted =
      inpaint_images(generator, request({5, 6, 7}), left_half(images), jumps, kQuiet);
  const auto edited = edit_images(generator, request({5, 6, 7}), edit, images, kQuiet);
  for (int64_t i = 0; i < 3; ++i) {
    const auto alone = request({5 + static_cast<uint64_t>(i)});
    const auto image = images.narrow(0, i, 1);
    const auto one = inpaint_images(generator, alone, left_half(image), jumps, kQuiet);
    EXPECT_LT(relative_difference(one[0], painted[i]), 1e-5) << i;
    EXPECT_LT(relative_difference(edit_images(generator, alone, edit, image, kQuiet)[0], edited[i]),
              1e-5)
        << i;
  }
}

TEST_F(Editing, InvertedNoiseDrawsTheImageOnEveryProcess) {
  options_.steps = 20;
  options_.clip_sample = false;
  const auto images = pictures(2);
  for (const auto& process : kNames<ProcessType>) {
    auto generator = this->generator(process.value);
    auto asked = request({1, 2});
    asked.initial_noise = invert_images(generator, asked, images, Inversion::kFixedPoint, kQuiet);
    EXPECT_LT(relative_difference(generator.generate(asked), images), 2e-2) << process.name;
  }
}

TEST_F(Editing, InpaintingWithoutJumpsOrKnownPixelsIsPlainDrawing) {
  options_.eta = 1.0;
  for (const auto& process : kNames<ProcessType>) {
    auto generator = this->generator(process.value);
    auto known = left_half(pictures(2));
    known.keep = torch::zeros_like(known.keep);
    const auto painted = inpaint_images(generator, request({1, 2}), known, {.samples = 1}, kQuiet);
    EXPECT_TRUE(torch::equal(painted, generator.generate(request({1, 2})))) << process.name;
  }
}

TEST_F(Editing, StripsEndWithTheImage) {
  auto generator = this->generator();
  const auto strips = generate_strips(generator, request({1, 2}), 4, kQuiet);
  const auto images = generator.generate(request({1, 2}));
  ASSERT_EQ(strips.size(0), 8);
  EXPECT_TRUE(torch::equal(strips[3], images[0]));
  EXPECT_TRUE(torch::equal(strips[7], images[1]));
}

TEST_F(Editing, OnlyStepsOfDdimAndEulerWithoutNoiseAreInverted) {
  options_.sampler = SamplerType::kEuler;
  EXPECT_NO_THROW(check_invertible(options_, "--invert"));
  options_.s_churn = 1.0;
  EXPECT_THROW(check_invertible(options_, "--invert"), UserError);
  options_.s_churn = 0.0;
  options_.sampler = SamplerType::kHeun;
  EXPECT_THROW(check_invertible(options_, "--invert"), UserError);
}

}  // namespace
}  // namespace ddpm
