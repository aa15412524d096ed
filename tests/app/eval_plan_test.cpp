#include "ddpm/app/eval_plan.h"

#include <map>

#include <gtest/gtest.h>

#include "ddpm/data/npy.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/files.h"
#include "tests/app/eval_fixture.h"

namespace ddpm {
namespace {

/// Evaluations that are refused before anything is done.
class EvalPlanTest : public EvalTest {
 protected:
  using Arrays = std::map<std::string, NpyArray>;

  static NpyArray array(const std::string& dtype, const std::vector<int64_t>& shape, size_t bytes,
                        char value = '\1') {
    return {.dtype = dtype, .shape = shape, .bytes = std::string(bytes, value)};
  }

  void write_arrays(const std::string& name, const Arrays& arrays) const {
    dir_.write(name, format_npz(arrays, false));
  }

  static EvalRequest compared_with(const std::string& reference) {
    auto request = scoring({Metric::kFrechet});
    request.reference = reference;
    return request;
  }
};

TEST_F(EvalPlanTest, WrongRequestsAreRefused) {
  refused<UserError>(scoring({}), "no metric is asked for");
  auto request = scoring({Metric::kFrechet});
  request.features = "vgg:x";
  refused<UserError>(request, "`features` vgg:x: expected inception:FILE");
  request = scoring({Metric::kFrechet});
  request.resize = "clean";
  refused<UserError>(request, "tf1");
  request = scoring({Metric::kFrechet});
  request.classes = "horse";
  refused<UserError>(request, "cat, dog");
  request = scoring_images("images", {Metric::kFrechet});
  request.save_images = "y.npz";
  refused<UserError>(request, "`save_images`: `images` are files already");
  EXPECT_FALSE(exists("runs/tiny/eval"));
}

TEST_F(EvalPlanTest, MissingFilesAreNamed) {
  refused<DataError>(scoring_images("none", {Metric::kFrechet}), "`images` none: no such file");
  refused<DataError>(compared_with("none.npz"), "`reference` none.npz");
  auto request = scoring({Metric::kFrechet});
  request.checkpoint = "none";
  refused<CheckpointError>(request, "none");
  request = scoring({Metric::kFrechet});
  request.features = "inception:none.safetensors";
  refused<CheckpointError>(request, "none.safetensors");
  request.features = "classifier:runs/tiny";
  refused<CheckpointError>(request, "denoising");
}

TEST_F(EvalPlanTest, BrokenArchivesAreNamed) {
  write_arrays("keys.npz", {{"other", array("u1", {2}, 2)}});
  write_arrays("shape.npz", {{"mu", array("f8", {3}, 24)}, {"sigma", array("f8", {2, 2}, 32)}});
  write_arrays("float.npz", {{"arr_0", array("f4", {2, 8, 8, 1}, 512, 'x')}});  // 2e34
  write_arrays("dims.npz",
               {{"mu", array("f8", {2}, 16, '\0')}, {"sigma", array("f8", {2, 2}, 32, '\0')}});
  write_arrays("whole.npz", {{"arr_0", array("u1", {2, 8, 8, 1}, 128)}});
  const auto whole = read_file("whole.npz");
  dir_.write("cut.npz", whole.substr(0, whole.size() / 2));
  for (const char* name : {"keys.npz", "shape.npz", "float.npz", "dims.npz", "cut.npz"})
    refused<DataError>(compared_with(name), name);
  for (const char* name : {"keys.npz", "float.npz", "cut.npz"})
    refused<DataError>(scoring_images(name, {Metric::kFrechet}), name);
}

TEST_F(EvalPlanTest, ArraysOfObjectsAreRefused) {
  for (const std::string key : {"mu", "arr_0"}) {
    auto objects = format_npy(array("f8", {2}, 16, '\0'));
    objects.replace(objects.find("'<f8'"), 5, "'|O' ");
    ZipWriter zip;
    zip.add(key + ".npy", objects, false);
    zip.add("sigma.npy", format_npy(array("f8", {1}, 8, '\0')), false);
    dir_.write("object.npz", zip.finish());
    refused<DataError>(compared_with("object.npz"), "got type '|O'");
    refused<DataError>(scoring_images("object.npz", {Metric::kFrechet}), "object.npz");
  }
}

/// All are told before the classifier is trained, let alone images drawn.
TEST_F(EvalPlanTest, WhatCannotBeHadIsToldBeforeAnythingIsDone) {
  const auto expect = [](const EvalRequest& request, const std::string& text) {
    refused<DataError>(request, text);
  };
  auto request = scoring({Metric::kManifold});
  request.nearest = 6;
  expect(request, "at least 7 images, got 6");
  expect(scoring({Metric::kManifold}, 3), "at least 4 images, got 3");
  expect(scoring({Metric::kInceptionScore}, 4), "at least 10 images, got 4");
  expect(scoring({Metric::kFrechetInfinity}, 20), "at least 29 images, got 20");
  expect(scoring({Metric::kDiversity}, 3), "class 1: expected at least 2 images, got 1");
  write_image("flat/0.png", 10);
  write_image("flat/1.png", 20);
  request = scoring({Metric::kPerClass});
  request.reference = "flat";
  expect(request, "flat: expected images with classes");
  request.metrics = {Metric::kFrechet, Metric::kManifold};
  expect(request, "flat: expected at least 4 images");
  EXPECT_FALSE(exists("cache"));
}

TEST_F(EvalPlanTest, ProcessesWithoutAChainHaveBitsByOdeOnly) {
  ModelCache models;
  for (const char* process : {"edm", "flow"}) {
    const auto run = std::string("runs/") + process;
    train(training(run, {{"diffusion.process", process}}));
    auto request = scoring_bits(2, run);
    EXPECT_EQ(plan_evaluation(request, models).bits.method, LikelihoodMethod::kOde);
    request.bits.method = BitsMethod::kBound;
    request.metrics.add(Metric::kFrechet);
    refused<UserError>(request, "`bpd_method` bound");
  }
}

TEST_F(EvalPlanTest, BitsByOdeHaveTheExactTraceUpTo64Numbers) {
  ModelCache models;
  auto request = scoring_bits();
  request.bits.method = BitsMethod::kOde;
  const auto plan = plan_evaluation(request, models);
  EXPECT_EQ(plan.bits.method, LikelihoodMethod::kOde);
  EXPECT_EQ(plan.bits.trace, Trace::kExact);
  train(training("runs/large", {{"data.image_size", "10"}}));
  EXPECT_EQ(plan_evaluation(scoring_bits(2, "runs/large"), models).bits.trace, Trace::kRademacher);
}

}  // namespace
}  // namespace ddpm
