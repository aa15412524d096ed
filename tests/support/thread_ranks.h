#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "ddpm/runtime/ranks.h"

namespace ddpm {

/// Ranks that are threads of this process. One of them runs at a time, in their order, from one sum
/// or agreement to the next: LibTorch's random generator, from which dropout draws, is one for all.
class ThreadRanks {
 public:
  explicit ThreadRanks(int64_t size) : given_(static_cast<size_t>(size)) {}

  /// Calls `work` once for each rank, on a thread of its own, and waits for all. If one throws, the
  /// others end at their next call, and this throws what the first has thrown.
  void run(const std::function<void(Ranks&)>& work) {
    std::vector<std::thread> threads;
    for (int64_t rank = 0; rank < size(); ++rank)
      threads.emplace_back([this, rank, &work] { run_rank(rank, work); });
    for (auto& thread : threads)
      thread.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  class Rank : public Ranks {
   public:
    Rank(ThreadRanks& all, int64_t rank) : all_(all), rank_(rank) {}
    int64_t rank() const override { return rank_; }
    int64_t size() const override { return all_.size(); }
    void sum(const torch::Tensor& tensor) override {
      all_.combine(rank_, tensor, [](auto& total, const auto& more) { total.add_(more); });
    }
    void agree(std::span<double> numbers) override {
      const auto tensor =
          torch::from_blob(numbers.data(), {static_cast<int64_t>(numbers.size())}, torch::kFloat64);
      all_.combine(rank_, tensor,
                   [](auto& total, const auto& more) { total.copy_(torch::maximum(total, more)); });
    }

   private:
    ThreadRanks& all_;
    int64_t rank_;
  };
  using Combine = std::function<void(torch::Tensor& total, const torch::Tensor& more)>;

  int64_t size() const { return static_cast<int64_t>(given_.size()); }

  void run_rank(int64_t rank, const std::function<void(Ranks&)>& work) {
    at::set_num_threads(1);
    Rank self(*this, rank);
    try {
      wait_for_turn(rank);
      work(self);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    pass_turn(rank);
  }

  /// The last rank to give its tensor combines them all, in their order.
  void combine(int64_t rank, const torch::Tensor& tensor, const Combine& with) {
    const torch::NoGradGuard no_grad;
    given_[static_cast<size_t>(rank)] = tensor;
    if (rank + 1 == size()) {
      auto total = given_.front().clone();
      std::for_each(given_.begin() + 1, given_.end(), [&](const auto& more) { with(total, more); });
      for (auto& given : given_)
        given.copy_(total);
    }
    pass_turn(rank);
    wait_for_turn(rank);
  }

  void pass_turn(int64_t rank) {
    const std::lock_guard lock(mutex_);
    turn_ = (rank + 1) % size();
    changed_.notify_all();
  }

  void wait_for_turn(int64_t rank) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == rank || error_; });
    if (error_) throw std::runtime_error("another rank has ended");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t turn_ = 0;
  std::vector<torch::Tensor> given_;  // by rank
  std::exception_ptr error_;
};

}  // namespace ddpm
