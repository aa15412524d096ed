#include <cmath>
#include <cstring>
#include <filesystem>

#include "ddpm/config/names.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

/// A folder in which something was trained, with images and masks to edit.
class EditCommand : public CommandTest {
 protected:
  static constexpr size_t kPixels = 64;

  EditCommand() {
    bring_run();
    write_picture("a.png", 1);
    write_picture("b.png", 2);
    write_image("white.png", 255);
    write_image("black.png", 0);
    Image half{.height = 8, .width = 8, .channels = 1, .pixels = std::vector<uint8_t>(64, 0)};
    std::fill(half.pixels.begin(), half.pixels.begin() + 32, uint8_t{255});
    dir_.write("half.png", encode_png(half));
  }

  /// Trains once for all tests.
  void bring_run() const {
    static const TempDir kept;
    const auto copy = [](const std::filesystem::path& from, const std::filesystem::path& to) {
      std::filesystem::copy(
          from / "runs", to / "runs",
          std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
    };
    if (std::filesystem::exists(kept.path() / "runs")) return copy(kept.path(), dir_.path());
    ASSERT_EQ(train({"-q"}).exit_code, 0);
    copy(dir_.path(), kept.path());
  }

  /// An image with smooth, asymmetric content.
  void write_picture(const std::string& name, int seed, int64_t size = 8,
                     int64_t channels = 1) const {
    Image image{.height = size, .width = size, .channels = channels, .pixels = {}};
    for (int64_t i = 0; i < size * size * channels; ++i)
      image.pixels.push_back(static_cast<uint8_t>((i * i / 9 + 3 * i + 17 * seed) % 200));
    dir_.write(name, encode_png(image));
  }

  CommandResult sample(const Words& more) const {
    Words words{"sample", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  /// Pixels of the images that `words` leave in a `.npy` file.
  std::vector<float> drawn(Words words) const {
    const std::string name = "drawn" + std::to_string(drawn_++) + ".npy";
    words.insert(words.end(), {"--class", "cat", "--out", name});
    const auto result = sample(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return exists(name) ? floats(name) : std::vector<float>();
  }

  std::vector<float> floats(const std::string& name) const {
    const auto array = parse_npy(read_file(dir_.path() / name), name);
    std::vector<float> values(array.bytes.size() / sizeof(float));
    std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
    return values;
  }

  /// Pixels of an image file, in [-1, 1].
  std::vector<float> picture(const std::string& name) const {
    std::vector<float> values;
    for (const uint8_t pixel : load_image(dir_.path() / name, 1).pixels)
      values.push_back(static_cast<float>(pixel) / 127.5F - 1.0F);
    return values;
  }

  static std::vector<float> image(const std::vector<float>& all, size_t i) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(i * kPixels);
    return {first, first + kPixels};
  }

  static double difference(const std::vector<float>& a, const std::vector<float>& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
    return most;
  }

 private:
  mutable int drawn_ = 0;
};

TEST_F(EditCommand, InterpolationEndsOnTheImagesOfItsSeeds) {
  const auto row = drawn({"--interpolate", "3,17", "--frames", "5"});
  ASSERT_EQ(row.size(), 5 * kPixels);
  EXPECT_LT(difference(image(row, 0), drawn({"-n", "1", "--seed", "3"})), 1e-5);
  EXPECT_LT(difference(image(row, 4), drawn({"-n", "1", "--seed", "17"})), 1e-5);
  EXPECT_GT(difference(image(row, 2), image(row, 0)), 1e-3);
  EXPECT_LT(difference(row, drawn({"--interpolate", "3,17", "-n", "5", "--batch-size", "2"})),
            1e-5);
}

TEST_F(EditCommand, InterpolationHasARowForEachClass) {
  ASSERT_EQ(sample({"--interpolate", "3,17", "--frames", "4", "--out", "g.png"}).exit_code, 0);
  const auto grid = load_image(dir_.path() / "g.png");
  EXPECT_EQ(grid.width, 4 * 8 + 3 * 2);
  EXPECT_EQ(grid.height, 2 * 8 + 2);
}

TEST_F(EditCommand, InterpolationEndsOnTheGivenImages) {
  const auto row = drawn({"--interpolate", "a.png,b.png", "--frames", "3", "--steps", "10"});
  ASSERT_EQ(row.size(), 3 * kPixels);
  EXPECT_LT(difference(image(row, 0), picture("a.png")), 0.02);
  EXPECT_LT(difference(image(row, 2), picture("b.png")), 0.02);
}

TEST_F(EditCommand, InterpolationNeedsASamplerWithoutNoise) {
  expect_error(sample({"--interpolate", "1,2", "--eta", "0.5"}), 2, "adds noise");
  expect_error(sample({"--interpolate", "1,2", "--sampler", "dpmpp-2m-sde"}), 2, "--sampler ddim");
  EXPECT_EQ(sample({"--interpolate", "1,2", "--sampler", "unipc", "--frames", "2"}).exit_code, 0);
  expect_error(sample({"--interpolate", "1"}), 2, "two seeds");
  expect_error(sample({"--interpolate", "1,none.png"}), 3, "1");
  expect_error(sample({"--interpolate", "a.png,b.png", "--sampler", "heun"}), 2, "ddim and euler");
}

TEST_F(EditCommand, InvertedNoiseDrawsTheImagesAgain) {
  std::filesystem::create_directory(dir_.path() / "two");
  write_picture("two/a.png", 1);
  write_picture("two/b.png", 2);
  const auto result =
      sample({"--invert", "two", "--steps", "10", "--class", "cat", "--out", "x_T.npy", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GT(json::parse(result.out).at("psnr"), 40);
  const auto again = drawn({"--noise", "x_T.npy", "--steps", "10"});
  EXPECT_LT(difference(image(again, 0), picture("a.png")), 0.05);
  EXPECT_LT(difference(image(again, 1), picture("b.png")), 0.05);
}

TEST_F(EditCommand, InversionByDdimErrsMoreInFewerCalls) {
  const auto inverted = [&](const char* method) {
    const auto result = sample(
        {"--invert", "a.png", "--inversion", method, "--steps", "10", "--class", "cat", "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  };
  const auto fast = inverted("ddim");
  const auto exact = inverted("fixed-point");
  EXPECT_EQ(fast.at("network_calls"), 20);
  EXPECT_GT(exact.at("network_calls"), 20);
  EXPECT_LT(exact.at("mse"), fast.at("mse"));
}

TEST_F(EditCommand, InversionShowsOriginalsAboveReconstructions) {
  ASSERT_EQ(sample({"--invert", "images", "--steps", "10", "--out", "pairs.png"}).exit_code, 0);
  const auto grid = load_image(dir_.path() / "pairs.png", 1);
  EXPECT_EQ(grid.height, 2 * 8 + 2);
  EXPECT_EQ(grid.width, 6 * 8 + 5 * 2);
  EXPECT_EQ(grid.pixels[0], 0);  // images/cat/0.png
  expect_error(sample({"--invert", "a.png", "--out", "x.npz"}), 2, "NAME.npy");
  expect_error(sample({"--invert", "a.png", "-n", "2"}), 2, "only 1");
  expect_error(sample({"--invert", "a.png", "--sampler", "ddpm"}), 2, "ddpm");
}

TEST_F(EditCommand, InversionWorksOnEveryProcess) {
  for (const auto& flags :
       std::vector<Words>{{"--run", "runs/edm", "--diffusion.process", "edm"},
                          {"--run", "runs/flow", "--diffusion.process", "flow"},
                          {"--run", "runs/v", "--diffusion.prediction_type", "v_prediction"}}) {
    ASSERT_EQ(train(flags).exit_code, 0) << flags[1];
    const auto result = sample({"--checkpoint", flags[1], "--invert", "a.png", "--steps", "10",
                                "--class", "cat", "--out", flags[1] + ".npy", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_GT(json::parse(result.out).at("psnr"), 30) << flags[1];
    const auto again =
        drawn({"--checkpoint", flags[1], "--noise", flags[1] + ".npy", "--steps", "10"});
    EXPECT_LT(difference(again, picture("a.png")), 0.2) << flags[1];
  }
}

TEST_F(EditCommand, InpaintingKeepsTheWhitePartAndDrawsTheRest) {
  const Words inpaint{"--inpaint", "a.png", "--mask", "half.png", "--steps", "6"};
  auto words = inpaint;
  words.insert(words.end(), {"-n", "3"});
  const auto all = drawn(words);
  ASSERT_EQ(all.size(), 3 * kPixels);
  const auto original = picture("a.png");
  for (size_t i = 0; i < all.size(); ++i) {
    const bool known = i % kPixels < 32;
    EXPECT_NEAR(all[i], known ? original[i % kPixels] : all[i], 1e-6);
  }
  EXPECT_GT(difference(image(all, 0), image(all, 1)), 0.01);
  words = inpaint;
  words.insert(words.end(), {"--seed", "2"});
  EXPECT_LT(difference(drawn(words), image(all, 2)), 1e-5);
}

TEST_F(EditCommand, InpaintingOfEverythingIsTheInputAndOfNothingThePlainSample) {
  const auto kept = drawn({"--inpaint", "a.png", "--mask", "white.png", "--steps", "6"});
  EXPECT_LT(difference(kept, picture("a.png")), 1e-6);
  const auto open = drawn({"--inpaint", "a.png", "--mask", "black.png", "--jump-samples", "1"});
  EXPECT_EQ(open, drawn({"-n", "1", "--eta", "1"}));
}

TEST_F(EditCommand, InpaintingCountsItsCalls) {
  const auto calls = [&](Words words) {
    words.insert(words.end(), {"--inpaint", "a.png", "--mask", "half.png", "--json"});
    const auto result = sample(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out).at("network_calls").get<int>();
  };
  EXPECT_EQ(calls({"--steps", "50"}), 410);
  EXPECT_EQ(calls({"--steps", "6", "--jump-length", "2", "--jump-samples", "2"}), 10);
  EXPECT_EQ(calls({"--steps", "1"}), 1);
  expect_error(
      sample({"--inpaint", "a.png", "--mask", "half.png", "--steps", "6", "--jump-length", "6"}), 2,
      "--jump-length 6");
}

TEST_F(EditCommand, InitStaysNearTheImageAtLowStrength) {
  const auto edited = [&](const char* strength) {
    return drawn({"--init", "a.png", "--strength", strength, "--steps", "20"});
  };
  const auto original = picture("a.png");
  EXPECT_LT(difference(edited("0.01"), original), difference(edited("1"), original));
  const auto all = drawn({"--init", "a.png", "--steps", "5", "-n", "3"});
  EXPECT_LT(difference(drawn({"--init", "a.png", "--steps", "5", "--seed", "2"}), image(all, 2)),
            1e-5);
}

TEST_F(EditCommand, InitKeepsTheWhitePartOfAMask) {
  const auto result = drawn({"--init", "a.png", "--mask", "half.png", "--repeats", "2"});
  const auto original = picture("a.png");
  ASSERT_EQ(result.size(), kPixels);
  for (size_t i = 0; i < 32; ++i)
    EXPECT_NEAR(result[i], original[i], 1e-6);
  EXPECT_GT(difference(result, original), 0.01);
}

TEST_F(EditCommand, SamplersAndGuidanceAreThoseOfPlainDrawing) {
  for (const char* sampler : {"ddpm", "heun", "unipc"}) {
    const Words common{"--steps",    "8", "--sampler", sampler,
                       "--guidance", "2", "--mask",    "half.png"};
    for (const char* mode : {"--init", "--inpaint"}) {
      auto words = common;
      words.insert(words.end(), {mode, "a.png"});
      EXPECT_EQ(sample(words).exit_code, 0) << mode << " " << sampler;
    }
  }
}

TEST_F(EditCommand, StripsHaveARowForEachImage) {
  ASSERT_EQ(sample({"--strip", "4", "-n", "3", "--steps", "6", "--out", "s.png"}).exit_code, 0);
  const auto grid = load_image(dir_.path() / "s.png");
  EXPECT_EQ(grid.width, 4 * 8 + 3 * 2);
  EXPECT_EQ(grid.height, 3 * 8 + 2 * 2);
  const auto strip = drawn({"--strip", "4", "-n", "2", "--steps", "6"});
  const auto plain = drawn({"-n", "2", "--steps", "6"});
  ASSERT_EQ(strip.size(), 8 * kPixels);
  EXPECT_EQ(image(strip, 3), image(plain, 0));
  EXPECT_EQ(image(strip, 7), image(plain, 1));
  expect_error(sample({"--strip", "9", "--steps", "6"}), 2, "--strip 9");
}

TEST_F(EditCommand, ImagesThatDoNotFitAreRefusedUnlessAsked) {
  write_picture("big.png", 3, 20);
  write_picture("colour.png", 4, 8, 3);
  expect_error(sample({"--invert", "big.png"}), 2, "20x20 grey, expected 8x8 grey");
  expect_error(sample({"--init", "colour.png"}), 2, "--fit");
  expect_error(sample({"--inpaint", "a.png", "--mask", "big.png"}), 2, "--mask big.png");
  EXPECT_EQ(sample({"--init", "big.png", "--fit"}).exit_code, 0);
  EXPECT_EQ(sample({"--inpaint", "colour.png", "--mask", "big.png", "--fit"}).exit_code, 0);
  EXPECT_EQ(sample({"--inpaint", "a.png", "--mask", "colour.png"}).exit_code, 0);
  expect_error(sample({"--init", "none.png"}), 3, "none.png");
  expect_error(sample({"--inpaint", "a.png", "--mask", "images"}), 2, "6 masks");
}

TEST_F(EditCommand, ReadsFoldersArchivesAndArrays) {
  ASSERT_EQ(sample({"-n", "2", "--out", "x.npz"}).exit_code, 0);
  ASSERT_EQ(sample({"-n", "2", "--out", "x.npy"}).exit_code, 0);
  for (const char* source : {"images", "x.npz", "x.npy"}) {
    const auto result = sample({"--init", source, "-n", "2", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(json::parse(result.out).at("images"), 2) << source;
  }
}

TEST_F(EditCommand, FlagsThatMakeNoSenseTogetherAreRefusedBeforeAnything) {
  const auto refused = [&](Words words, const std::string& text) {
    words.insert(words.end(), {"--checkpoint", "nowhere"});  // would be 4 if it were looked for
    expect_error(sample(words), 2, text);
  };
  refused({"--init", "a.png", "--invert", "a.png"}, "--invert and --init");
  refused({"--inpaint", "a.png"}, "--mask");
  refused({"--mask", "half.png"}, "--inpaint or --init");
  refused({"--invert", "a.png", "--mask", "half.png"}, "--mask belongs to");
  refused({"--init", "a.png", "--noise", "x.npy"}, "--noise and --init");
  refused({"--init", "a.png", "--strength", "0"}, "--strength");
  refused({"--init", "a.png", "--strength", "1.5"}, "--strength");
  refused({"--strength", "0.5"}, "--strength belongs to --init");
  refused({"--invert", "a.png", "--inversion", "magic"}, "fixed-point");
  refused({"--interpolate", "1,2", "--inversion", "ddim"}, "two seeds");
  refused({"--interpolate", "1,2", "--frames", "3", "-n", "3"}, "--frames");
  refused({"--jump-length", "3"}, "--inpaint");
  refused({"--fit"}, "--fit belongs to");
}

TEST_F(EditCommand, NothingIsOverwritten) {
  dir_.write("mine.png", "mine");
  expect_error(sample({"--init", "a.png", "--out", "mine.png"}), 2, "exists already");
  const auto first = sample({"--init", "a.png"});
  EXPECT_NE(first.out, sample({"--init", "a.png"}).out);
  EXPECT_EQ(read_file(dir_.path() / "mine.png"), "mine");
}

}  // namespace
}  // namespace ddpm
