#include "ddpm/data/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace ddpm {
namespace {

// Numbers are handed out in rising order, so when the call for one throws, every smaller one has
// been handed out and is finished: the smallest failure is always found.
class SharedLoop {
 public:
  SharedLoop(int64_t count, const std::function<void(int64_t)>& body)
      : count_(count),
        failed_index_(count),
        body_(body) {}

  void work() {
    while (!stop_) {
      const int64_t i = next_++;
      if (i >= count_) return;
      try {
        body_(i);
      } catch (const std::exception&) {
        keep_failure(i, std::current_exception());
      }
    }
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void keep_failure(int64_t index, std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (index >= failed_index_) return;
    failed_index_ = index;
    failure_ = std::move(failure);
  }

  int64_t count_;
  int64_t failed_index_;
  const std::function<void(int64_t)>& body_;
  std::atomic<int64_t> next_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void parallel_for(int64_t count, int64_t threads, const std::function<void(int64_t)>& body) {
  SharedLoop loop(count, body);
  {
    std::vector<std::jthread> helpers;
    try {
      for (int64_t i = 1; i < std::min(threads, count); ++i)
        helpers.emplace_back([&loop] { loop.work(); });
    } catch (const std::system_error&) {
      // No more threads can be had; those there are, this one at least, do all.
    }
    loop.work();
  }
  loop.rethrow();
}

}  // namespace ddpm
