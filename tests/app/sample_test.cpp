#include "ddpm/app/sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "ddpm/app/sample_plan.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/config/names.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/golden.h"
#include "tests/support/log_messages.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class SampleTest : public TrainedTest {
 protected:
  static SampleRequest sampling_with(const fs::path& checkpoint, int64_t count = 1,
                                     const Texts& settings = {}) {
    auto request = sampling(count, settings);
    request.checkpoint = checkpoint.string();
    return request;
  }

  static void write(SampleRequest request, const std::string& out) {
    request.out = out;
    EXPECT_EQ(sample(request).out, out);
  }

  /// A copy of a model of diffusers, with another scheduler.
  void copy_foreign(const std::string& scheduler) const {
    copy_folder(test_data("unet/grey_attention"), "copy");
    dir_.write("copy/scheduler/scheduler_config.json", scheduler);
  }
};

TEST_F(SampleTest, TakesTheNewestRunAndANameThatIsFree) {
  const auto first = sample(sampling(1));
  const auto second = sample(sampling(1));
  EXPECT_EQ(first.out, "runs/tiny/samples/step-000006-ddim3-seed0.png");
  EXPECT_EQ(second.out, "runs/tiny/samples/step-000006-ddim3-seed0-2.png");
  EXPECT_TRUE(exists(first.out) && exists(second.out));
}

TEST_F(SampleTest, SeedsDoNotDependOnTheBatch) {
  auto request = sampling(8);
  request.classes = "dog";
  const auto all = drawn(request);
  ASSERT_EQ(all.sizes().vec(), (std::vector<int64_t>{8, 1, 8, 8}));
  request.batch_size = 3;
  EXPECT_LT(difference(drawn(request), all), 1e-5);
  request.count = 1;
  request.seed = 5;
  EXPECT_LT(difference(drawn(request), all.narrow(0, 5, 1)), 1e-5);
}

TEST_F(SampleTest, PicturesOfAFolderSayWhatTheyAre) {
  auto request = sampling(3);
  request.classes = "1,cat";
  write(request, "pictures");
  const auto text = png_text(read_file("pictures/000001.png"));
  for (const auto& pair : ImageText{{"class", "cat"},
                                    {"seed", "1"},
                                    {"sampler", "ddim"},
                                    {"steps", "3"},
                                    {"guidance", "1"},
                                    {"checkpoint", kNewest}})
    EXPECT_NE(std::ranges::find(text, pair), text.end()) << pair.first;
}

TEST_F(SampleTest, WritesArchivesWithClasses) {
  write(sampling(3), "x.npz");
  const auto arrays = load_npz("x.npz");
  EXPECT_EQ(arrays.at("arr_0").shape, (std::vector<int64_t>{3, 8, 8, 1}));
  EXPECT_EQ(arrays.at("arr_1").shape, (std::vector<int64_t>{3}));
}

TEST_F(SampleTest, GivenNoiseReplacesTheSeeds) {
  const NpyArray noise{
      .dtype = "f4", .shape = {2, 1, 8, 8}, .bytes = std::string(2 * 64 * 4, '\0')};
  write_file_atomic("x.npy", format_npy(noise));
  SampleRequest request;
  request.noise = "x.npy";
  request.classes = "0";
  const auto first = drawn(request);
  EXPECT_EQ(first.size(0), 2);
  request.seed = 9;
  EXPECT_TRUE(torch::equal(drawn(request), first));
  request.count = 3;
  expect_error<UserError>([&] { sample(request); }, "x.npy holds noise for only 2 images");
  request.noise = "none.npy";
  expect_error<DataError>([&] { sample(request); }, "none.npy");
}

TEST_F(SampleTest, NoiseThatIsNotFiniteIsRefused) {
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> numbers(64);
    numbers[9] = value;
    const NpyArray noise{.dtype = "f4",
                         .shape = {1, 1, 8, 8},
                         .bytes = {reinterpret_cast<const char*>(numbers.data()), 256}};
    write_file_atomic("x.npy", format_npy(noise));
    SampleRequest request;
    request.noise = "x.npy";
    expect_error<DataError>([&] { sample(request); }, "x.npy: holds NaN or infinity");
  }
}

TEST_F(SampleTest, ImagesThatAreNotFiniteAreNotDrawn) {
  copy_foreign(R"({"_class_name": "DDIMScheduler", "clip_sample": false})");
  const fs::path weights = "copy/unet/diffusion_pytorch_model.safetensors";
  auto tensors = load_safetensors(weights);
  tensors.at("conv_out.weight").fill_(3e38);
  fs::remove(weights);
  save_safetensors(weights, tensors);
  expect_error<DivergedError>(
      [&] {
        write(sampling_with("copy", 1, {{"sample.steps", "2"}}), "x.png");
      },
      "`precision` float32");
  EXPECT_FALSE(exists("x.png"));
}

TEST_F(SampleTest, EverySamplerDraws) {
  for (const auto& sampler : kNames<SamplerType>) {
    const auto images =
        drawn(sampling(2, {{"sample.steps", "4"}, {"sample.sampler", std::string(sampler.name)}}));
    EXPECT_TRUE(torch::isfinite(images).all().item<bool>()) << sampler.name;
  }
}

TEST_F(SampleTest, EveryPrecisionDraws) {
  const auto exact = drawn(sampling(2));
  for (const auto precision : {Precision::kFloat32, Precision::kBFloat16, Precision::kAuto}) {
    auto request = sampling(2);
    request.runtime.precision = precision;
    EXPECT_LT(difference(drawn(request), exact), precision == Precision::kFloat32 ? 1e-9 : 0.2)
        << to_name(precision);
  }
}

TEST_F(SampleTest, WarnsOfBf16WhereItIsSlow) {
#ifdef __x86_64__
  const LogMessages messages;
  drawn(sampling(1));
  EXPECT_FALSE(messages.have("bf16")) << messages.all();
  auto request = sampling(1);
  request.runtime.precision = Precision::kBFloat16;
  drawn(request);
  const bool fast = __builtin_cpu_supports("avx512bw") != 0;
  EXPECT_NE(messages.have("no instructions for bf16"), fast) << messages.all();
#else
  GTEST_SKIP() << "only x86 CPUs are known here";
#endif
}

TEST_F(SampleTest, GuidesAwayFromAClassOrAWeakerModel) {
  auto request = sampling(2);
  request.classes = "cat";
  const auto plain = drawn(request);
  put(request.settings, {{"sample.guidance", "3"}});
  request.negative_class = "dog";
  EXPECT_FALSE(torch::equal(drawn(request), plain));
  request.negative_class = "horse";
  expect_error<UserError>([&] { sample(request); }, "cat, dog");
  request.negative_class.reset();
  request.guide_with = "runs/tiny";  // its own predictions lead nowhere
  EXPECT_LT(difference(drawn(request), plain), 1e-4);
  request.guide_with = "nowhere";
  expect_error<CheckpointError>([&] { sample(request); }, "nowhere");
}

TEST_F(SampleTest, AForeignSchedulerDecidesUnlessSettingsDo) {
  copy_foreign(R"({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 3,
                   "lambda_min_clipped": -Infinity})");
  const auto sampler = [](Texts settings) {
    settings["sample.steps"] = "3";
    const auto request = sampling_with("copy", 1, settings);
    EXPECT_TRUE(torch::isfinite(drawn(request)).all().item<bool>());
    return plan_sampling(request).pipeline.sample.sampler;
  };
  EXPECT_EQ(sampler({}), SamplerType::kDpmpp3m);
  EXPECT_EQ(sampler({{"sample.sampler", "ddim"}}), SamplerType::kDdim);
  EXPECT_EQ(sampler({{"sample.sampler", "heun"}, {"sample.timestep_spacing", "karras"}}),
            SamplerType::kHeun);
}

TEST_F(SampleTest, AnotherSchedulerInACheckpointIsObeyedOnceItIsAccepted) {
  const fs::path file = fs::path(kNewest) / "scheduler/scheduler_config.json";
  auto scheduler = load_json(file);
  scheduler["clip_sample_range"] = 0.25;
  write_file_atomic(file, format_json(scheduler));
  expect_error<CheckpointError>([] { drawn(sampling(1)); },
                                "was changed after the checkpoint was written; removing its line");
  const auto list = fs::path(kNewest) / "checksums.json";
  auto sums = load_json(list);
  sums["files"].erase("scheduler/scheduler_config.json");
  write_file_atomic(list, format_json(sums));
  EXPECT_LE(drawn(sampling(2)).abs().max().item<double>(), 0.2501);
  fs::remove(list);
  EXPECT_LE(drawn(sampling(2)).abs().max().item<double>(), 0.2501);
}

TEST_F(SampleTest, WrongRequestsAreRefused) {
  const auto refused = [](const SampleRequest& request, const std::string& text) {
    expect_error<UserError>([&] { sample(request); }, text);
  };
  for (const auto& [classes, text] :
       Texts{{"horse", "cat, dog"}, {"2", "from 0 to 1"}, {"", "`class` ''"}}) {
    auto request = sampling(1);
    request.classes = classes;
    refused(request, text);
  }
  refused(sampling(1, {{"sample.sampler", "ddpm"}, {"sample.eta", "0.5"}}), "eta");
  refused(sampling(1, {{"sample.steps", "51"}}), "50");
  auto request = sampling(1);
  request.out = "x.jpg";
  refused(request, "`out` x.jpg");
  request = sampling(1);
  request.runtime.device = "cpu";
  request.runtime.precision = Precision::kTf32;
  refused(request, "tf32");
}

TEST_F(SampleTest, GraphsAndAutotuningChangeNothingOnTheCpu) {
  auto request = sampling(2);
  request.runtime.device = "cpu";
  const auto usual = drawn(request);
  request.runtime.cuda_graph = false;
  request.runtime.cudnn_autotune = true;
  EXPECT_TRUE(torch::equal(drawn(request), usual));
}

TEST_F(SampleTest, NothingIsOverwritten) {
  dir_.write("mine.png", "mine");
  auto request = sampling(1);
  request.out = "mine.png";
  expect_error<UserError>([&] { sample(request); }, "`out` mine.png: exists already");
  request.out = "images";
  expect_error<UserError>([&] { sample(request); }, "`out` images: the folder is not empty");
  EXPECT_EQ(read_file("mine.png"), "mine");
}

TEST_F(SampleTest, GuidanceOfAModelWithoutLabelDropoutIsRefused) {
  train(training("runs/sure", {{"train.label_dropout", "0"}}));
  const auto guided = sampling_with("runs/sure", 1, {{"sample.guidance", "3"}});
  expect_error<UserError>([&] { sample(guided); }, "label dropout");
  EXPECT_EQ(drawn(sampling_with("runs/sure")).size(0), 1);
}

TEST_F(SampleTest, MissingAndBrokenCheckpointsAreCheckpointErrors) {
  const auto refused = [](const fs::path& checkpoint, const std::string& text) {
    expect_error<CheckpointError>([&] { sample(sampling_with(checkpoint)); }, text);
  };
  refused("nowhere", "nowhere: no such folder");
  refused("images", "not a checkpoint");
  dir_.write(std::string(kNewest) + "/unet/config.json", "{");
  refused("", "config.json");
  copy_foreign(R"({"_class_name": "CMStochasticIterativeScheduler"})");
  refused("copy/", "CMStochasticIterativeScheduler");
  fs::remove_all("runs");
  refused("", "no trained model under runs/");
}

TEST_F(SampleTest, DrawsFromFoldersMadeByDiffusers) {
  for (const char* name :
       {"old_root", "grey_attention", "float16", "bfloat16_class", "mixed_tall"}) {
    const auto path = test_data("unet") / name;
    write(sampling_with(path, 2, {{"sample.steps", "4"}}), std::string(name) + ".png");
    EXPECT_GT(load_image(std::string(name) + ".png").width, 0) << name;
  }
  const auto guided =
      sampling_with(test_data("unet/grey_attention"), 1, {{"sample.guidance", "2"}});
  expect_error<UserError>([&] { sample(guided); }, "no classes");
}

TEST_F(SampleTest, AStopKeepsTheImagesDoneSoFar) {
  StopSource stop;
  auto request = sampling(5);
  request.batch_size = 2;
  request.runtime.stop = stop.token();
  int64_t taken = 0;
  request.on_images = [&](const torch::Tensor& images) {
    taken += images.size(0);
    if (taken == 4) stop.request();
  };
  EXPECT_EQ(sample(request).done, 4);
  EXPECT_EQ(taken, 4);
}

TEST_F(SampleTest, OtherSizesAreDrawnWithAWarning) {
  auto request = sampling(1);
  request.size = {16, 12};
  const LogMessages messages;
  EXPECT_EQ(drawn(request).sizes(), (std::vector<int64_t>{1, 1, 16, 12}));
  EXPECT_TRUE(messages.have("trained on 8x8")) << messages.all();
  request.size = {9, 8};
  expect_error<UserError>([&] { sample(request); }, "sides must be multiples of 2");
}

TEST_F(SampleTest, StepsThatNobodyAskedForFitTheTimesteps) {
  auto request = sampling(1, {{"sample.sampler", "dpmpp-2m"}});
  put(request.settings, {{"sample.timestep_spacing", "linspace"}});
  EXPECT_NO_THROW(drawn(request));
  put(request.settings, {{"sample.steps", "51"}});
  expect_error<UserError>([&] { sample(request); }, "sample.steps must be at most");
}

}  // namespace
}  // namespace ddpm
