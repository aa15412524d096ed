#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "ddpm/config/names.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A folder in which something was trained.
class SampleCommand : public CommandTest {
 protected:
  SampleCommand() { EXPECT_EQ(train({"-q"}).exit_code, 0); }

  CommandResult sample(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"sample", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }

  /// Pixels of a .npy file.
  std::vector<float> values(const std::string& name) const {
    const auto array = parse_npy(read_file(dir_.path() / name), name);
    std::vector<float> values(array.bytes.size() / sizeof(float));
    std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
    return values;
  }
};

TEST_F(SampleCommand, TakesTheNewestRunAndNamesIt) {
  const auto result = ddpm({"sample", "-n", "2", "--steps", "3", "--guidance", "3.0"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("runs/tiny/checkpoints/step-000006"), std::string::npos);
  ASSERT_TRUE(result.out.starts_with("runs/tiny/samples/")) << result.out;
  EXPECT_TRUE(exists(result.out.substr(0, result.out.size() - 1)));
}

TEST_F(SampleCommand, DefaultNamesNeverCollide) {
  const auto first = sample({"-n", "1"});
  const auto second = sample({"-n", "1"});
  EXPECT_NE(first.out, second.out);
}

TEST_F(SampleCommand, SeedsDoNotDependOnTheBatch) {
  ASSERT_EQ(sample({"-n", "8", "--class", "dog", "--out", "all.npy"}).exit_code, 0);
  ASSERT_EQ(sample({"-n", "1", "--seed", "5", "--class", "dog", "--out", "one.npy"}).exit_code, 0);
  ASSERT_EQ(
      sample({"-n", "8", "--class", "dog", "--batch-size", "3", "--out", "three.npy"}).exit_code,
      0);
  const auto all = values("all.npy");
  const auto one = values("one.npy");
  const auto three = values("three.npy");
  ASSERT_EQ(all.size(), 8U * 64);
  for (size_t i = 0; i < 64; ++i)
    EXPECT_NEAR(one[i], all[5 * 64 + i], 1e-5);
  for (size_t i = 0; i < all.size(); ++i)
    EXPECT_NEAR(three[i], all[i], 1e-5);
}

TEST_F(SampleCommand, WritesFoldersWithTextAndArchives) {
  ASSERT_EQ(sample({"-n", "3", "--class", "1,cat", "--out", "pictures"}).exit_code, 0);
  const auto text = png_text(read_file(dir_.path() / "pictures/000001.png"));
  const auto has = [&](const std::string& key, const std::string& value) {
    return std::ranges::find(text, std::pair(key, value)) != text.end();
  };
  EXPECT_TRUE(has("class", "cat"));
  EXPECT_TRUE(has("seed", "1"));
  EXPECT_TRUE(has("sampler", "ddim"));
  EXPECT_TRUE(has("steps", "3"));
  EXPECT_TRUE(has("guidance", "1"));
  ASSERT_EQ(sample({"-n", "3", "--out", "x.npz"}).exit_code, 0);
  const auto arrays = load_npz(dir_.path() / "x.npz");
  EXPECT_EQ(arrays.at("arr_0").shape, (std::vector<int64_t>{3, 8, 8, 1}));
  EXPECT_EQ(arrays.at("arr_1").shape, (std::vector<int64_t>{3}));
}

TEST_F(SampleCommand, JsonIsOneObject) {
  const auto result = json::parse(sample({"-n", "2", "--json", "--out", "g.png"}).out);
  EXPECT_EQ(result.at("images"), 2);
  EXPECT_EQ(result.at("out"), "g.png");
}

TEST_F(SampleCommand, GivenNoiseReplacesTheSeeds) {
  const NpyArray noise{
      .dtype = "f4", .shape = {2, 1, 8, 8}, .bytes = std::string(2 * 64 * 4, '\0')};
  write_file_atomic(dir_.path() / "x.npy", format_npy(noise));
  ASSERT_EQ(sample({"--noise", "x.npy", "--class", "0", "--out", "a.npy"}).exit_code, 0);
  ASSERT_EQ(sample({"--noise", "x.npy", "--class", "0", "--seed", "9", "--out", "b.npy"}).exit_code,
            0);
  EXPECT_EQ(values("a.npy"), values("b.npy"));
  expect_error(sample({"--noise", "x.npy", "-n", "3"}), 2, "only 2");
  expect_error(sample({"--noise", "none.npy"}), 3, "none.npy");
}

TEST_F(SampleCommand, EverySamplerAndPrecisionRuns) {
  for (const auto& sampler : kNames<SamplerType>)
    EXPECT_EQ(sample({"-n", "2", "--steps", "4", "--sampler", std::string(sampler.name)}).exit_code,
              0)
        << sampler.name;
  for (const char* precision : {"float32", "bf16", "auto"})
    EXPECT_EQ(sample({"-n", "2", "--precision", precision}).exit_code, 0);
}

TEST_F(SampleCommand, WarnsOfBf16WhereItIsSlow) {
#ifdef __x86_64__
  const bool fast = __builtin_cpu_supports("avx512bw") != 0;
  const auto result = sample({"-n", "1", "--precision", "bf16"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err.find("no instructions for bf16") == std::string::npos, fast) << result.err;
  EXPECT_EQ(sample({"-n", "1"}).err.find("bf16"), std::string::npos);
#else
  GTEST_SKIP() << "only x86 CPUs are known here";
#endif
}

TEST_F(SampleCommand, GuidesAwayFromAClassOrAWeakerModel) {
  const auto draws = [&](const std::vector<std::string>& flags, const char* out) {
    std::vector<std::string> words{"-n", "2", "--class", "cat", "--out", out};
    words.insert(words.end(), flags.begin(), flags.end());
    EXPECT_EQ(sample(words).exit_code, 0) << out;
    return values(out);
  };
  const auto plain = draws({}, "plain.npy");
  EXPECT_NE(draws({"--guidance", "3", "--negative-class", "dog"}, "negative.npy"), plain);
  const auto same = draws({"--guidance", "3", "--guide-with", "runs/tiny"}, "self.npy");
  ASSERT_EQ(same.size(), plain.size());
  expect_error(sample({"--guidance", "3", "--negative-class", "horse"}), 2, "cat, dog");
  expect_error(sample({"--guide-with", "nowhere"}), 4, "nowhere");
}

TEST_F(SampleCommand, AForeignSchedulerDecidesUnlessFlagsDo) {
  fs::copy(std::string(DDPM_TEST_DATA) + "/unet/grey_attention", dir_.path() / "copy",
           fs::copy_options::recursive);
  dir_.write("copy/scheduler/scheduler_config.json",
             R"({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3,
                 "lambda_min_clipped": -Infinity})");
  const auto sampler = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--checkpoint", "copy", "-n", "1", "--steps", "3", "--json"});
    const auto result = sample(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out).at("sampler").get<std::string>();
  };
  EXPECT_EQ(sampler({}), "dpmpp-3m");
  EXPECT_EQ(sampler({"--sampler", "ddim"}), "ddim");
  EXPECT_EQ(sampler({"--sampler", "heun", "--timestep-spacing", "karras"}), "heun");
}

TEST_F(SampleCommand, WrongWordsAreUsageErrors) {
  expect_error(sample({"--class", "horse"}), 2, "cat, dog");
  expect_error(sample({"--class", "2"}), 2, "from 0 to 1");
  expect_error(sample({"--class", ""}), 2, "--class");
  expect_error(sample({"--seed", "-1"}), 2, "--seed");
  expect_error(sample({"--sampler", "ddpm", "--eta", "0.5"}), 2, "eta");
  expect_error(sample({"--steps", "51"}), 2, "50");
  expect_error(sample({"--sampler", "magic"}), 2, "ddim");
  expect_error(sample({"--out", "x.jpg"}), 2, "x.jpg");
  expect_error(sample({"--precision", "double"}), 2, "--precision");
  expect_error(sample({"--precision", "tf32", "--device", "cpu"}), 2, "tf32");
}

TEST_F(SampleCommand, GraphAndAutotuneFlagsChangeNothingOnTheCpu) {
  ASSERT_EQ(sample({"-n", "2", "--device", "cpu", "--out", "a.npy"}).exit_code, 0);
  const auto result = sample(
      {"-n", "2", "--device", "cpu", "--no-cuda-graph", "--cudnn-autotune", "--out", "b.npy"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(values("a.npy"), values("b.npy"));
}

TEST_F(SampleCommand, NothingIsOverwritten) {
  dir_.write("mine.png", "mine");
  expect_error(sample({"-n", "1", "--out", "mine.png"}), 2, "exists already");
  expect_error(sample({"-n", "1", "--out", "images"}), 2, "not empty");
  EXPECT_EQ(read_file(dir_.path() / "mine.png"), "mine");
}

TEST_F(SampleCommand, GuidanceOfAModelWithoutLabelDropoutIsRefused) {
  ASSERT_EQ(train({"--run", "runs/sure", "--train.label_dropout", "0"}).exit_code, 0);
  expect_error(sample({"--checkpoint", "runs/sure", "--guidance", "3"}), 2, "label dropout");
  EXPECT_EQ(sample({"--checkpoint", "runs/sure", "-n", "1"}).exit_code, 0);
}

TEST_F(SampleCommand, MissingAndBrokenCheckpointsAreCheckpointErrors) {
  expect_error(sample({"--checkpoint", "nowhere"}), 4, "nowhere");
  expect_error(sample({"--checkpoint", "images"}), 4, "not a checkpoint");
  dir_.write("runs/tiny/checkpoints/step-000006/unet/config.json", "{");
  expect_error(sample({}), 4, "config.json");
  const auto checkpoint = dir_.path() / "copy";
  fs::copy(std::string(DDPM_TEST_DATA) + "/unet/grey_attention", checkpoint,
           fs::copy_options::recursive);
  dir_.write("copy/scheduler/scheduler_config.json",
             R"({"_class_name": "CMStochasticIterativeScheduler"})");
  expect_error(sample({"--checkpoint", "copy/"}), 4, "CMStochasticIterativeScheduler");
  fs::remove_all(dir_.path() / "runs");
  expect_error(sample({}), 4, "ddpm train");
}

TEST_F(SampleCommand, DrawsFromFoldersMadeByDiffusers) {
  for (const char* name :
       {"old_root", "grey_attention", "float16", "bfloat16_class", "mixed_tall"}) {
    const auto path = std::string(DDPM_TEST_DATA) + "/unet/" + name;
    const auto result = sample(
        {"--checkpoint", path, "-n", "2", "--steps", "4", "--out", std::string(name) + ".png"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(exists(std::string(name) + ".png"));
  }
  expect_error(sample({"--checkpoint", std::string(DDPM_TEST_DATA) + "/unet/grey_attention",
                       "--guidance", "2"}),
               2, "no classes");
}

TEST_F(SampleCommand, ASignalKeepsTheImagesDoneSoFar) {
  BackgroundCommand command(
      {"sample", "-n", "100000", "--batch-size", "1", "--steps", "50", "--out", "many"},
      dir_.path());
  for (int i = 0; i < 600 && !exists("many/000001.png"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  command.send(SIGINT);
  const auto result = command.wait();
  EXPECT_EQ(result.exit_code, 85) << result.err;
  EXPECT_EQ(load_image(dir_.path() / "many/000000.png").width, 8);
}

}  // namespace
}  // namespace ddpm
