#include "ddpm/data/batch_stream.h"

#include <algorithm>
#include <system_error>

#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
BatchStream::BatchStream(const TrainingData& data, const BatchOptions& options, int64_t first)
    : data_(data),
      options_(options),
      next_to_give_(first),
      next_to_make_(first) {
  options_.workers = std::max<int64_t>(1, options.workers);
  try {
    for (int64_t i = 0; i < options_.workers; ++i)
      threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();
    throw DeviceError("data.workers: only ", threads_.size(), " of ", options_.workers,
                      " threads can be started: ", error.code().message());
  } catch (...) {
    stop();
    throw;
  }
}

BatchStream::~BatchStream() {
  stop();
}

void BatchStream::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_)
    thread.join();
}

Batch BatchStream::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ready_.contains(next_to_give_); });
  Slot slot = std::move(ready_.at(next_to_give_));
  ready_.erase(next_to_give_);
  next_to_give_ += options_.stride;
  lock.unlock();
  changed_.notify_all();
  if (slot.error) std::rethrow_exception(slot.error);
  return std::move(slot.batch);
}

void BatchStream::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    const int64_t ahead = options_.workers * options_.stride;
    changed_.wait(lock, [&] { return stopping_ || next_to_make_ <= next_to_give_ + ahead; });
    if (stopping_) return;
    const int64_t index = next_to_make_;
    next_to_make_ += options_.stride;
    lock.unlock();
    Slot slot;
    try {
      slot.batch = make_batch(index);
    } catch (...) {  // whatever it is belongs to the thread that asks for this batch
      slot.error = std::current_exception();
    }
    lock.lock();
    ready_.emplace(index, std::move(slot));
    changed_.notify_all();
  }
}

std::vector<int64_t> BatchStream::sample_numbers(int64_t index) {
  const int64_t samples = data_.size();
  const int64_t first = index * options_.batch_size;
  std::vector<int64_t> numbers;
  const std::lock_guard lock(orders_mutex_);
  for (int64_t place = first; place < first + options_.batch_size; ++place) {
    const int64_t epoch = place / samples;
    auto& order = orders_[epoch];
    if (order.empty()) {
      order = random_permutation(
          {options_.seed, RandomPurpose::kShuffle, static_cast<uint64_t>(epoch)}, samples);
    }
    numbers.push_back(order[static_cast<size_t>(place % samples)]);
  }
  // Another worker may still need the epoch before.
  orders_.erase(orders_.begin(), orders_.lower_bound(first / samples - 1));
  return numbers;
}

Batch BatchStream::make_batch(int64_t index) {
  const auto& spec = data_.spec();
  const int64_t first = index * options_.batch_size;
  const auto numbers = sample_numbers(index);
  const auto count = static_cast<int64_t>(numbers.size());
  const auto pinned = torch::TensorOptions().pinned_memory(options_.pin_memory);
  Batch batch;
  batch.x = torch::empty({count, spec.channels, spec.height, spec.width}, pinned);
  if (spec.num_classes > 0) batch.labels = torch::empty({count}, pinned.dtype(torch::kInt64));
  const int64_t told = data_.augment_labels();
  if (told > 0) batch.augment = torch::empty({count, told}, pinned);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t number = numbers[static_cast<size_t>(i)];
    data_.fill(number, first + i, batch.x.data_ptr<float>() + i * spec.numel());
    if (batch.labels.defined()) batch.labels.data_ptr<int64_t>()[i] = data_.label(number);
    if (told > 0) data_.fill_augment_labels(first + i, batch.augment.data_ptr<float>() + i * told);
  }
  if (options_.prepare) options_.prepare(batch, first);
  return batch;
}

}  // namespace ddpm
