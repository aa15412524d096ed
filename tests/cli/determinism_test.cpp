#include "ddpm/util/files.h"
#include "tests/cli/command_fixture.h"
#include "tests/support/checkpoints.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// What the same numbers do and do not depend on; docs/reliability.md makes the promises.
class Determinism : public CommandTest {
 protected:
  fs::path train_into(const std::string& run, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"-q", "--threads", "2", "--run", "runs/" + run};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = train(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return dir_.path() / "runs" / run / "checkpoints/step-000006";
  }

  /// The bytes of the file that is drawn.
  std::string draw(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"sample", "-q", "--threads", "2", "-n", "8", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = ddpm(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return read_file(dir_.path() / out);
  }
};

TEST_F(Determinism, TheSameSeedTrainsTheSameBits) {
  const auto first = train_into("first");
  expect_same_tensors(first, train_into("second"));
  const auto other = train_into("other", {"--train.seed", "1"});
  const char* const weights = "training/unet.safetensors";
  EXPECT_FALSE(read_file(first / weights) == read_file(other / weights));
}

TEST_F(Determinism, TheNumberOfThreadsThatReadImagesDoesNotMatter) {
  const auto with = [&](const std::string& workers) {
    return train_into("workers-" + workers, {"--data.workers", workers, "--data.flip", "true",
                                             "--data.memory_limit_gb", "0"});
  };
  const auto one = with("1");
  expect_same_tensors(one, with("2"));
  expect_same_tensors(one, with("5"));
}

TEST_F(Determinism, WhatIsWrittenOnTheWayDoesNotMatter) {
  const auto often = train_into("often", {"--train.log_every", "1", "--train.save_every", "1",
                                          "--train.sample_every", "2", "--train.keep_last", "1"});
  expect_same_tensors(train_into("once", {"--train.log_every", "9", "--train.save_every", "0"}),
                      often);
}

TEST_F(Determinism, TheSameSeedDrawsTheSameBits) {
  train_into("tiny");
  const auto first = draw("a.npy");
  EXPECT_TRUE(draw("b.npy") == first);
  EXPECT_FALSE(draw("c.npy", {"--seed", "8"}) == first);
}

}  // namespace
}  // namespace ddpm
