#include <gtest/gtest.h>

#include "ddpm/app/sample.h"
#include "ddpm/util/files.h"
#include "tests/app/edit_fixture.h"

namespace ddpm {
namespace {

TEST_F(EditTest, InterpolationEndsOnTheImagesOfItsSeeds) {
  auto request = interpolation(3, 17, 5);
  const auto row = drawn(request);
  ASSERT_EQ(row.size(0), 5);
  EXPECT_LT(difference(image(row, 0), plain(1, 3)), 1e-5);
  EXPECT_LT(difference(image(row, 4), plain(1, 17)), 1e-5);
  EXPECT_GT(difference(image(row, 2), image(row, 0)), 1e-3);
  request.edit.frames.reset();
  request.count = 5;
  request.batch_size = 2;
  EXPECT_LT(difference(drawn(request), row), 1e-5);
}

TEST_F(EditTest, InterpolationHasARowForEachClass) {
  auto request = interpolation(3, 17, 4);
  request.classes.reset();
  request.out = "g.png";
  EXPECT_EQ(sample(request).done, 8);
  const auto grid = load_image("g.png");
  EXPECT_EQ(grid.width, 4 * 8 + 3 * 2);
  EXPECT_EQ(grid.height, 2 * 8 + 2);
}

TEST_F(EditTest, InterpolationEndsOnTheGivenImages) {
  auto request = edit(EditMode::kInterpolate, "a.png,b.png", {{"sample.steps", "10"}});
  request.edit.frames = 3;
  const auto row = drawn(request);
  ASSERT_EQ(row.size(0), 3);
  EXPECT_LT(difference(image(row, 0), picture("a.png")), 0.02);
  EXPECT_LT(difference(image(row, 2), picture("b.png")), 0.02);
}

TEST_F(EditTest, InterpolationNeedsASamplerWithoutNoise) {
  const auto refused = [](const SampleRequest& request, const std::string& text) {
    expect_error<UserError>([&] { sample(request); }, text);
  };
  refused(interpolation(1, 2, 2, {{"sample.eta", "0.5"}}), "adds noise");
  refused(interpolation(1, 2, 2, {{"sample.sampler", "dpmpp-2m-sde"}}), "`sampler` ddim");
  EXPECT_EQ(drawn(interpolation(1, 2, 2, {{"sample.sampler", "unipc"}})).size(0), 2);
  refused(edit(EditMode::kInterpolate, "a.png,b.png", {{"sample.sampler", "heun"}}),
          "ddim and euler");
  refused(edit(EditMode::kInterpolate, "1"), "two seeds");
  expect_error<DataError>([&] { sample(edit(EditMode::kInterpolate, "1,none.png")); }, "1");
}

TEST_F(EditTest, InvertedNoiseDrawsTheImagesAgain) {
  write_picture("two/a.png", 1);
  write_picture("two/b.png", 2);
  auto request = edit(EditMode::kInvert, "two", {{"sample.steps", "10"}});
  request.out = "x_T.npy";
  const auto result = sample(request);
  ASSERT_TRUE(result.mse.has_value());
  EXPECT_LT(*result.mse, 4e-4);  // 40 dB
  auto again = edit(EditMode::kNone, "", {{"sample.steps", "10"}});
  again.noise = "x_T.npy";
  const auto images = drawn(again);
  EXPECT_LT(difference(image(images, 0), picture("a.png")), 0.05);
  EXPECT_LT(difference(image(images, 1), picture("b.png")), 0.05);
}

TEST_F(EditTest, InversionByDdimErrsMoreInFewerCalls) {
  const auto inverted = [](bool exact) {
    auto request = edit(EditMode::kInvert, "a.png", {{"sample.steps", "10"}});
    request.edit.exact_inversion = exact;
    return sample(request);
  };
  const auto fast = inverted(false);
  const auto exact = inverted(true);
  EXPECT_EQ(fast.network_calls, 20);
  EXPECT_GT(exact.network_calls, 20);
  EXPECT_LT(exact.mse.value(), fast.mse.value());
}

TEST_F(EditTest, InversionShowsOriginalsAboveReconstructions) {
  auto request = edit(EditMode::kInvert, "images", {{"sample.steps", "10"}});
  request.classes.reset();
  request.out = "pairs.png";
  sample(request);
  const auto grid = load_image("pairs.png", 1);
  EXPECT_EQ(grid.height, 2 * 8 + 2);
  EXPECT_EQ(grid.width, 6 * 8 + 5 * 2);
  EXPECT_EQ(grid.pixels[0], 0);  // images/cat/0.png
}

TEST_F(EditTest, InversionRefusesMoreImagesAndSamplersThatAddNoise) {
  auto request = edit(EditMode::kInvert, "a.png");
  request.count = 2;
  expect_error<UserError>([&] { sample(request); }, "`count` 2: `invert` a.png holds only 1");
  request = edit(EditMode::kInvert, "a.png", {{"sample.sampler", "ddpm"}});
  expect_error<UserError>([&] { sample(request); }, "ddpm");
}

TEST_F(EditTest, InversionWorksOnEveryProcess) {
  for (const auto& [run, setting] : std::vector<std::pair<std::string, Texts>>{
           {"runs/edm", {{"diffusion.process", "edm"}}},
           {"runs/flow", {{"diffusion.process", "flow"}}},
           {"runs/v", {{"diffusion.prediction_type", "v_prediction"}}}}) {
    train(training(run, setting));
    auto request = edit(EditMode::kInvert, "a.png", {{"sample.steps", "10"}});
    request.checkpoint = run;
    request.out = run + ".npy";
    EXPECT_LT(sample(request).mse.value(), 4e-3) << run;  // 30 dB
    request = edit(EditMode::kNone, "", {{"sample.steps", "10"}});
    request.checkpoint = run;
    request.noise = run + ".npy";
    EXPECT_LT(difference(drawn(request), picture("a.png")), 0.2) << run;
  }
}

TEST_F(EditTest, InpaintingKeepsTheWhitePartAndDrawsTheRest) {
  auto request = masked(EditMode::kInpaint, "a.png", "half.png", {{"sample.steps", "6"}});
  request.count = 3;
  const auto all = drawn(request);
  ASSERT_EQ(all.size(0), 3);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_LT(difference(upper(image(all, i)), upper(picture("a.png"))), 1e-6);
  EXPECT_GT(difference(image(all, 0), image(all, 1)), 0.01);
  request.count.reset();
  request.seed = 2;
  EXPECT_LT(difference(drawn(request), image(all, 2)), 1e-5);
}

TEST_F(EditTest, InpaintingOfEverythingIsTheInputAndOfNothingThePlainSample) {
  const auto kept =
      drawn(masked(EditMode::kInpaint, "a.png", "white.png", {{"sample.steps", "6"}}));
  EXPECT_LT(difference(kept, picture("a.png")), 1e-6);
  auto open = masked(EditMode::kInpaint, "a.png", "black.png");
  open.edit.jump_samples = 1;
  EXPECT_TRUE(torch::equal(drawn(open), plain(1, 0, {{"sample.eta", "1"}})));
}

TEST_F(EditTest, InpaintingCountsItsCalls) {
  const auto inpainting = [](const char* steps, std::optional<int64_t> length = {},
                             std::optional<int64_t> samples = {}) {
    auto request = masked(EditMode::kInpaint, "a.png", "half.png", {{"sample.steps", steps}});
    request.edit.jump_length = length;
    request.edit.jump_samples = samples;
    return request;
  };
  EXPECT_EQ(sample(inpainting("50")).network_calls, 410);
  EXPECT_EQ(sample(inpainting("6", 2, 2)).network_calls, 10);
  EXPECT_EQ(sample(inpainting("1")).network_calls, 1);
  expect_error<UserError>([&] { sample(inpainting("6", 6)); }, "`jump_length` 6 must be below");
}

TEST_F(EditTest, InitStaysNearTheImageAtLowStrength) {
  const auto off = [](double strength) {
    auto request = edit(EditMode::kInit, "a.png", {{"sample.steps", "20"}});
    request.edit.strength = strength;
    return difference(drawn(request), picture("a.png"));
  };
  EXPECT_LT(off(0.01), off(1.0));
}

TEST_F(EditTest, InitDrawsEachImageFromItsOwnSeed) {
  auto request = edit(EditMode::kInit, "a.png", {{"sample.steps", "5"}});
  request.count = 3;
  const auto all = drawn(request);
  ASSERT_EQ(all.size(0), 3);
  EXPECT_GT(difference(image(all, 0), image(all, 2)), 0.01);
  request.count.reset();
  request.seed = 2;
  EXPECT_LT(difference(drawn(request), image(all, 2)), 1e-5);
}

TEST_F(EditTest, InitKeepsTheWhitePartOfAMask) {
  auto request = masked(EditMode::kInit, "a.png", "half.png");
  request.edit.repeats = 2;
  const auto result = drawn(request);
  ASSERT_EQ(result.size(0), 1);
  EXPECT_LT(difference(upper(result), upper(picture("a.png"))), 1e-6);
  EXPECT_GT(difference(result, picture("a.png")), 0.01);
}

TEST_F(EditTest, SamplersAndGuidanceAreThoseOfPlainDrawing) {
  for (const char* sampler : {"ddpm", "heun", "unipc"})
    for (const auto mode : {EditMode::kInit, EditMode::kInpaint}) {
      const Texts settings{
          {"sample.steps", "8"}, {"sample.sampler", sampler}, {"sample.guidance", "2"}};
      const auto edited = drawn(masked(mode, "a.png", "half.png", settings));
      EXPECT_TRUE(torch::isfinite(edited).all().item<bool>()) << sampler;
      EXPECT_LT(difference(upper(edited), upper(picture("a.png"))), 1e-6) << sampler;
    }
}

TEST_F(EditTest, StripsHaveARowForEachImage) {
  auto request = edit(EditMode::kStrip, "", {{"sample.steps", "6"}});
  request.edit.strip = 4;
  request.count = 3;
  request.out = "s.png";
  sample(request);
  const auto grid = load_image("s.png");
  EXPECT_EQ(grid.width, 4 * 8 + 3 * 2);
  EXPECT_EQ(grid.height, 3 * 8 + 2 * 2);
}

TEST_F(EditTest, StripsEndInTheImage) {
  auto request = edit(EditMode::kStrip, "", {{"sample.steps", "6"}});
  request.edit.strip = 4;
  request.count = 2;
  const auto strip = drawn(request);
  const auto images = plain(2, 0, {{"sample.steps", "6"}});
  ASSERT_EQ(strip.size(0), 8);
  EXPECT_TRUE(torch::equal(image(strip, 3), image(images, 0)));
  EXPECT_TRUE(torch::equal(image(strip, 7), image(images, 1)));
  request.edit.strip = 9;
  expect_error<UserError>([&] { sample(request); }, "`strip` 9");
}

TEST_F(EditTest, ImagesThatDoNotFitAreRefused) {
  write_picture("big.png", 3, 20);
  write_picture("colour.png", 4, 8, 3);
  const auto refused = [](const SampleRequest& request, const std::string& text) {
    expect_error<UserError>([&] { sample(request); }, text);
  };
  refused(edit(EditMode::kInvert, "big.png"),
          "`invert` big.png: the image is 20x20 grey, expected 8x8 grey");
  refused(edit(EditMode::kInit, "colour.png"), "`fit`");
  refused(masked(EditMode::kInpaint, "a.png", "big.png"), "`mask` big.png");
  refused(masked(EditMode::kInpaint, "a.png", "images"), "6 masks");
  expect_error<DataError>([&] { sample(edit(EditMode::kInit, "none.png")); }, "none.png");
}

TEST_F(EditTest, ImagesThatDoNotFitAreFittedIfAsked) {
  write_picture("big.png", 3, 20);
  write_picture("colour.png", 4, 8, 3);
  auto init = edit(EditMode::kInit, "big.png");
  init.edit.fit = true;
  EXPECT_EQ(drawn(init).size(2), 8);
  auto inpaint = masked(EditMode::kInpaint, "colour.png", "big.png");
  inpaint.edit.fit = true;
  EXPECT_EQ(drawn(inpaint).size(1), 1);
  // Of a mask only the brightness counts.
  EXPECT_EQ(drawn(masked(EditMode::kInpaint, "a.png", "colour.png")).size(0), 1);
}

TEST_F(EditTest, ReadsFoldersArchivesAndArrays) {
  for (const char* source : {"x.npz", "x.npy"}) {
    auto request = sampling(2);
    request.out = source;
    sample(request);
  }
  for (const char* source : {"images", "x.npz", "x.npy"}) {
    auto request = edit(EditMode::kInit, source);
    request.count = 2;
    EXPECT_EQ(drawn(request).size(0), 2) << source;
  }
}

TEST_F(EditTest, NothingIsOverwritten) {
  dir_.write("mine.png", "mine");
  auto request = edit(EditMode::kInit, "a.png");
  request.out = "mine.png";
  expect_error<UserError>([&] { sample(request); }, "exists already");
  EXPECT_EQ(read_file("mine.png"), "mine");
  request.out.clear();
  const auto first = sample(request).out;
  EXPECT_NE(sample(request).out, first);
  EXPECT_TRUE(exists(first));
}

}  // namespace
}  // namespace ddpm
