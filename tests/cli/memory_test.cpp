#include <sys/resource.h>

#include "tests/cli/command_fixture.h"

namespace ddpm {
namespace {

using Memory = TrainedCommandTest;

TEST_F(Memory, TooLittleSaysWhatToLower) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer needs more address space than this test leaves";
#endif
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  auto limit = before;
  limit.rlim_cur = rlim_t{4} << 30;  // LibTorch alone maps some of it
  ::setrlimit(RLIMIT_AS, &limit);
  const auto result =
      ddpm({"sample", "-q", "-n", "1000000", "--batch-size", "1000000", "--out", "a.npy"});
  const auto trained = train(
      {"-q", "--run", "runs/large", "--train.batch_size", "1000000", "--data.image_size", "64"});
  ::setrlimit(RLIMIT_AS, &before);
  expect_error(trained, 6, "lower train.batch_size");
  expect_error(result, 6, "lower train.batch_size or --batch-size");
  EXPECT_FALSE(exists("a.npy"));
  EXPECT_EQ(ddpm({"sample", "-q", "-n", "1", "--out", "a.npy"}).exit_code, 0);
}

}  // namespace
}  // namespace ddpm
