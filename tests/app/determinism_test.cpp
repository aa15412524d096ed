#include <filesystem>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "ddpm/app/train_session.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/checkpoints.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

/// What the same numbers do and do not depend on; docs/reliability.md makes the promises.
class Determinism : public TrainedTest {
 protected:
  Determinism() { at::set_num_threads(2); }

  static fs::path train_into(const std::string& name, const Texts& settings = {}) {
    const auto run = "runs/" + name;
    EXPECT_EQ(train(training(run, settings)).end, RunEnd::kFinished);
    return fs::path(run) / "checkpoints/step-000006";
  }
};

TEST_F(Determinism, TheSameSeedTrainsTheSameBits) {
  const auto first = train_into("first");
  expect_same_tensors(first, train_into("second"));
  const auto other = train_into("other", {{"train.seed", "1"}});
  const char* const weights = "training/unet.safetensors";
  EXPECT_FALSE(read_file(first / weights) == read_file(other / weights));
}

TEST_F(Determinism, TheNumberOfThreadsThatReadImagesDoesNotMatter) {
  const auto with = [](const std::string& workers) {
    return train_into(
        "workers-" + workers,
        {{"data.workers", workers}, {"data.flip", "true"}, {"data.memory_limit_gb", "0"}});
  };
  const auto one = with("1");
  expect_same_tensors(one, with("2"));
  expect_same_tensors(one, with("5"));
}

TEST_F(Determinism, WhatIsWrittenOnTheWayDoesNotMatter) {
  const auto often = train_into("often", {{"train.log_every", "1"},
                                          {"train.save_every", "1"},
                                          {"train.sample_every", "2"},
                                          {"train.keep_last", "1"}});
  expect_same_tensors(train_into("once", {{"train.log_every", "9"}, {"train.save_every", "0"}}),
                      often);
}

TEST_F(Determinism, TheSameSeedDrawsTheSameBits) {
  auto request = sampling(8);
  const auto first = drawn(request);
  EXPECT_TRUE(torch::equal(drawn(request), first));
  request.seed = 8;
  EXPECT_FALSE(torch::equal(drawn(request), first));
}

}  // namespace
}  // namespace ddpm
