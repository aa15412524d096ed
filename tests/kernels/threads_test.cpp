#include <atomic>
#include <chrono>
#include <thread>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

namespace ddpm {
namespace {

// LibTorch's parallel_for is a template around an OpenMP pragma: without the compiler's option it
// silently runs on one thread.
TEST(ParallelFor, RunsOnSeveralThreads) {
  at::set_num_threads(2);
  std::atomic<int> inside = 0;
  std::atomic<bool> met = false;
  at::parallel_for(0, 2, 1, [&](int64_t, int64_t) {
    ++inside;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!met && std::chrono::steady_clock::now() < end) {
      if (inside == 2) met = true;
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(met);
}

}  // namespace
}  // namespace ddpm
