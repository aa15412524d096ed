#include "ddpm/app/evaluate.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/data/npy.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/files.h"
#include "tests/app/eval_fixture.h"
#include "tests/support/log_messages.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

TEST_F(EvalTest, WithoutInceptionADistanceIsAnFdThatSaysWhy) {
  const auto metrics = [](const LogMessages& messages, bool trains) {
    const auto result = evaluate(scoring({Metric::kFrechet}));
    EXPECT_EQ(messages.have("training a classifier"), trains) << messages.all();
    EXPECT_TRUE(messages.have("convert_inception.py")) << messages.all();
    EXPECT_EQ(result.metrics.size(), 1U);
    return result.metrics.front();
  };
  const auto first = metrics(LogMessages(), true);
  EXPECT_TRUE(first.title.starts_with("FD (classifier, 3-d, ")) << first.title;
  EXPECT_EQ(first.key, "fd");
  EXPECT_EQ(metrics(LogMessages(), false).value, first.value);
}

TEST_F(EvalTest, AResultNamesEverythingANumberDependsOn) {
  const auto result =
      scores(scoring({Metric::kFrechet}, 8, {{"sample.steps", "2"}, {"sample.guidance", "2"}}));
  EXPECT_GE(value(result, "fd"), 0.0);
  EXPECT_GT(result.at("fd").at("ceiling"), 0.0);
  EXPECT_FALSE(result.contains("fid"));
  const auto& images = result.at("images");
  EXPECT_EQ(images.at("n"), 8);
  EXPECT_EQ(images.at("steps"), 2);
  EXPECT_EQ(images.at("guidance"), 2.0);
  EXPECT_EQ(images.at("sampler"), "ddim");
  EXPECT_EQ(images.at("weights"), "EMA");
  EXPECT_EQ(images.at("settings").at("eta"), 0.0);
  EXPECT_EQ(images.at("settings").at("clip_sample"), true);
  EXPECT_EQ(images.at("settings").at("guidance_schedule"), "constant");
  EXPECT_EQ(result.at("reference").at("n"), 6);
  EXPECT_EQ(result.at("features").at("dimensions"), 3);
  EXPECT_EQ(result.at("features").at("hash").get<std::string>().size(), 16U);
  EXPECT_EQ(Json::parse(read_file("runs/tiny/eval/step-000006-ddim2-g2-n8-seed0.json")), result);
}

TEST_F(EvalTest, NumbersAreShownBeforeAnythingIsWritten) {
  auto request = scoring({Metric::kFrechet});
  request.out = "r.json";
  request.save_images = "x.npz";
  request.save_stats = "s.npz";
  double shown = -1;
  const auto result = evaluate(request, [&](const EvalResult& early) {
    shown = early.metrics.at(0).value;
    EXPECT_FALSE(fs::exists("r.json") || fs::exists("x.npz") || fs::exists("s.npz"));
    return true;
  });
  EXPECT_EQ(shown, result.metrics.at(0).value);
  EXPECT_TRUE(fs::exists("r.json") && fs::exists("x.npz") && fs::exists("s.npz"));
}

TEST_F(EvalTest, AllMetricsComeWithoutBeingNamed) {
  auto request = scoring({}, 32);
  request.all = true;
  request.nearest = 2;
  request.bits.images = 4;
  const auto result = scores(request);
  for (const char* name :
       {"fd", "fd_infinity", "kid", "is", "precision", "recall", "density", "coverage",
        "class_agreement", "per_class_fd", "diversity", "near_copies", "bpd"})
    EXPECT_TRUE(result.contains(name) && result.at(name).contains("value")) << name;
  EXPECT_GT(value(result.at("bpd"), "decoder"), 0.0);
  EXPECT_TRUE(exists("runs/tiny/eval/step-000006-ddim3-n32-seed0-neighbours.png"));
}

TEST_F(EvalTest, SavedImagesAndStatisticsGiveTheSameNumber) {
  auto request = scoring({Metric::kFrechet});
  request.save_images = "x.npz";
  request.save_stats = "s.npz";
  const double drawn = value(scores(request), "fd");
  for (const char* reference : {"s.npz", "images"}) {
    auto stored = scoring_images("x.npz", {Metric::kFrechet});
    stored.reference = reference;
    EXPECT_NEAR(value(scores(stored), "fd"), drawn, 1e-6 * drawn) << reference;
  }
  EXPECT_NEAR(value(scores(scoring_images("train", {Metric::kFrechet})), "fd"), 0.0, 1e-6);
}

TEST_F(EvalTest, ClassAgreementNeedsNoReference) {
  save_images("x.npz", 16);
  train(training("runs/judge", {{"train.task", "classifier"}}));
  fs::rename("images", "moved");
  EvalRequest request;
  request.metrics = {Metric::kClassAgreement, Metric::kInceptionScore};
  request.images = "x.npz";
  request.features = "classifier:runs/judge";
  const auto result = scores(request);
  EXPECT_FALSE(result.contains("reference"));
  EXPECT_EQ(result.at("images").at("n"), 16);
  EXPECT_GE(value(result, "class_agreement"), 0.0);
  request.metrics = {Metric::kInceptionScore};
  request.save_stats = "s.npz";
  refused<UserError>(request, "`save_stats`: no metric that is asked for has a reference");
}

TEST_F(EvalTest, BoundsAreOfAsManyImagesAsAreScored) {
  save_images("x.npz", 4);
  auto request = scoring_images("x.npz", {Metric::kFrechet});
  const auto all = scores(request);
  EXPECT_GT(all.at("fd").at("ceiling"), 0.0);
  request.count = 4;
  EXPECT_EQ(scores(request), all);
}

TEST_F(EvalTest, ResultsAreNeverOverwritten) {
  auto request = scoring({Metric::kFrechet});
  evaluate(request);
  evaluate(request);
  EXPECT_TRUE(exists("runs/tiny/eval/step-000006-ddim3-n8-seed0.json"));
  EXPECT_TRUE(exists("runs/tiny/eval/step-000006-ddim3-n8-seed0-2.json"));
  dir_.write("mine.json", "mine");
  request.out = "mine.json";
  refused<UserError>(request, "`out` mine.json: exists already");
  dir_.write("mine.npz", "mine");
  request.out.clear();
  request.save_stats = "mine.npz";
  refused<UserError>(request, "`save_stats` mine.npz: exists already");
  EXPECT_EQ(read_file("mine.json") + read_file("mine.npz"), "minemine");
}

TEST_F(EvalTest, AllLeavesOutWhatStatisticsAloneDoNotTell) {
  save_statistics("s.npz");
  auto request = scoring({});
  request.all = true;
  request.reference = "s.npz";
  request.bits.images = 2;
  const LogMessages messages;
  const auto few = scores(request);
  EXPECT_TRUE(few.contains("fd") && few.contains("class_agreement") && few.contains("bpd"));
  for (const char* name : {"kid", "precision", "near_copies", "diversity", "fd_infinity", "is"})
    EXPECT_FALSE(few.contains(name)) << name;
  EXPECT_TRUE(messages.have("left out: s.npz: holds statistics only")) << messages.all();
}

TEST_F(EvalTest, AllOfGivenImagesAreNoBits) {
  save_images("x.npz");
  auto request = scoring_images("x.npz", {});
  request.all = true;
  request.nearest = 2;
  const auto result = scores(request);
  EXPECT_TRUE(result.contains("kid") && result.contains("per_class_fd"));
  EXPECT_FALSE(result.contains("bpd"));
}

TEST_F(EvalTest, BitsBesideGivenImagesAreOfTheModel) {
  save_images("x.npz");
  auto request = scoring_images("x.npz", {Metric::kFrechet, Metric::kBitsPerDim});
  request.bits.images = 2;
  const auto result = scores(request);
  EXPECT_EQ(result.at("images").at("n"), 8);
  EXPECT_EQ(result.at("bpd").at("n"), 2);
}

TEST_F(EvalTest, ACheckpointDoesNotRaiseTheLimitOfMemory) {
  train(training("runs/large", {{"data.memory_limit_gb", "1000"}}));
  auto request = scoring_bits();
  Json limited;
  {
    const LogMessages messages;
    limited = scores(request);
    EXPECT_TRUE(messages.have("--data.memory_limit_gb 1000 allows it")) << messages.all();
  }
  put(request.settings, {{"data.memory_limit_gb", "1000"}});
  const LogMessages messages;
  EXPECT_EQ(scores(request), limited);
  EXPECT_FALSE(messages.have("allows it")) << messages.all();
}

TEST_F(EvalTest, BitsAreOfTheBoundWhereThereIsOne) {
  const auto bound = scores(scoring_bits()).at("bpd");
  EXPECT_EQ(bound.at("method"), "bound");
  EXPECT_EQ(bound.at("by_timestep").size(), 10U);
  EXPECT_EQ(bound.at("by_timestep").back().at("to"), 49);
}

TEST_F(EvalTest, BitsOfFewNumbersHaveTheExactTraceByOde) {
  train(training("runs/small", {{"diffusion.process", "edm"}, {"data.image_size", "4"}}));
  const auto ode = scores(scoring_bits(1, "runs/small")).at("bpd");
  EXPECT_EQ(ode.at("method"), "ode");
  EXPECT_EQ(ode.at("trace"), "exact");
  EXPECT_EQ(ode.at("dimensions"), 16);
}

TEST_F(EvalTest, ClassesOfAFolderGoByName) {
  // Of the run's classes cat and dog the second, which would be number 0 here.
  for (int i = 0; i < 4; ++i)
    write_image("mine/dog/" + std::to_string(i) + ".png", static_cast<uint8_t>(40 * i));
  const auto result = scores(scoring_images("mine", {Metric::kPerClass}));
  const auto& classes = result.at("per_class_fd").at("classes");
  EXPECT_EQ(classes.size(), 1U);
  EXPECT_TRUE(classes.contains("dog")) << classes;
}

TEST_F(EvalTest, ClassesThatTheOtherSideDoesNotKnowAreRefused) {
  for (const char* name : {"three/bird/0.png", "three/cat/0.png", "three/dog/0.png"})
    write_image(name, 1);
  auto request = scoring({Metric::kPerClass});
  request.reference = "three";
  refused<DataError>(request, "three: the class 'bird' is none of those to compare with");
  for (int i = 0; i < 4; ++i)
    write_image("other/horse/" + std::to_string(i) + ".png", static_cast<uint8_t>(40 * i));
  refused<DataError>(scoring_images("other", {Metric::kPerClass}), "other: the class 'horse'");
  EXPECT_TRUE(scores(scoring_images("other", {Metric::kFrechet})).contains("fd"));
}

TEST_F(EvalTest, StatisticsOfAnotherNetworkAreRefused) {
  save_statistics("s.npz");
  train(training("runs/judge", {{"train.task", "classifier"}, {"classifier.feature_dim", "3"}}));
  auto request = scoring({Metric::kFrechet});
  request.checkpoint = "runs/tiny";
  request.reference = "s.npz";
  request.features = "classifier:runs/judge";
  refused<DataError>(request, "s.npz: has statistics of 3 dimensions by classifier");
}

TEST_F(EvalTest, AFileOfStatisticsAndImagesGivesBoth) {
  save_statistics("s.npz");
  ZipWriter zip;
  for (const auto& [name, array] : load_npz("s.npz"))
    zip.add(name + ".npy", format_npy(array), true);
  NpyArray images{.dtype = "u1", .shape = {5, 8, 8, 1}, .bytes = std::string(320, '\0')};
  for (size_t i = 0; i < images.bytes.size(); ++i)
    images.bytes[i] = static_cast<char>(37 * i);
  zip.add("arr_0.npy", format_npy(images), true);
  dir_.write("both.npz", zip.finish());
  auto request = scoring({Metric::kFrechet, Metric::kKernel});
  request.reference = "both.npz";
  const auto both = scores(request);
  request = scoring({Metric::kFrechet});
  request.reference = "s.npz";
  EXPECT_EQ(value(both, "fd"), value(scores(request), "fd"));
  EXPECT_EQ(both.at("kid").at("subset_size"), 5);
}

TEST_F(EvalTest, DataWithoutClassesNeedWeightsOfInception) {
  for (int i = 0; i < 4; ++i)
    write_image("plain/" + std::to_string(i) + ".png", static_cast<uint8_t>(50 * i));
  train(training("runs/plain", {{"data.root", "plain"}, {"model.class_conditional", "false"}}));
  auto request = scoring({Metric::kFrechet});
  request.checkpoint = "runs/plain";
  refused<UserError>(request, "convert_inception");
  EXPECT_GT(value(scores(scoring_bits(2, "runs/plain")), "bpd"), 0.0);
}

TEST_F(EvalTest, NamesThatAreNoUtf8CostNoNumbers) {
  for (int i = 0; i < 4; ++i)
    write_image("caf\xE9/" + std::to_string(i) + ".png", static_cast<uint8_t>(50 * i));
  auto request = scoring_images("caf\xE9", {Metric::kFrechet});
  request.out = "r.json";
  evaluate(request);
  const auto written = Json::parse(read_file("r.json"));
  EXPECT_EQ(written.at("images").at("source"), "caf\xEF\xBF\xBD");
}

TEST_F(EvalTest, ACacheThatTakesNothingCostsNoNumbers) {
  auto request = scoring({Metric::kFrechet, Metric::kNeighbours});
  const auto before = scores(request);
  for (const std::string area : {"partial", "statistics"}) {
    fs::remove_all("cache/ddpm/" + area);
    dir_.write("cache/ddpm/" + area, "in the way");
  }
  EXPECT_EQ(scores(request), before);
}

TEST_F(EvalTest, ImagesThatAreNotFiniteGiveNoNumber) {
  const fs::path weights = std::string(kNewest) + "/unet/diffusion_pytorch_model.safetensors";
  auto tensors = load_safetensors(weights);
  tensors.at("conv_in.weight").fill_(3e38);
  replace_safetensors(weights, tensors);
  fs::remove(std::string(kNewest) + "/checksums.json");
  for (const char* clip : {"true", "false"})
    expect_error<DivergedError>(
        [&] {
          evaluate(scoring({Metric::kFrechet}, 8, {{"sample.clip_sample", clip}}));
        },
        "NaN or infinity");
  expect_error<DivergedError>([] { evaluate(scoring_bits()); }, "not finite");
}

TEST_F(EvalTest, ADamagedClassifierInTheCacheIsTrainedAnew) {
  const auto first = scores(scoring({Metric::kFrechet}));
  for (const auto& entry : fs::recursive_directory_iterator("cache"))
    if (entry.path().filename() == "model.safetensors") fs::resize_file(entry.path(), 1000);
  const LogMessages messages;
  EXPECT_EQ(scores(scoring({Metric::kFrechet})), first);
  EXPECT_TRUE(messages.have("model.safetensors: damaged")) << messages.all();
  EXPECT_TRUE(messages.have("trained anew")) << messages.all();
}

TEST_F(EvalTest, WithoutAPlaceForACacheItScores) {
  const auto usual = scores(scoring({Metric::kFrechet}));
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  const LogMessages messages;
  EXPECT_EQ(scores(scoring({Metric::kFrechet})), usual);
  EXPECT_TRUE(messages.have("neither XDG_CACHE_HOME nor HOME is set")) << messages.all();
  ::setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace ddpm
