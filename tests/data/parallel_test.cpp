#include "ddpm/data/parallel.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/data_files.h"

namespace ddpm {
namespace {

TEST(ParallelFor, CallsEveryNumberOnce) {
  for (const int64_t threads : {0, 1, 4, 100}) {
    std::vector<std::atomic<int>> calls(50);
    parallel_for(50, threads, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    for (const auto& count : calls) {
      EXPECT_EQ(count, 1);
    }
  }
}

TEST(ParallelFor, NothingToDoIsFine) {
  parallel_for(0, 4, [](int64_t) { FAIL(); });
}

TEST(ParallelFor, TheFirstFailureReachesTheCallerWhateverTheThreads) {
  const auto body = [](int64_t i) {
    if (i >= 20 && i % 2 == 0) throw std::runtime_error(std::to_string(i));
  };
  for (int round = 0; round < 50; ++round) {
    const auto error =
        error_of<std::runtime_error>([&] { parallel_for(200, 1 + round % 8, body); });
    EXPECT_EQ(error, "20");
  }
}

}  // namespace
}  // namespace ddpm
