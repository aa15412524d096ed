#include "ddpm/data/batch_stream.h"

#include <algorithm>
#include <system_error>

#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

/// Mirrors one image, [C, H, W] bytes, left to right.
void mirror(uint8_t* chw, const DatasetInfo& info) {
  for (int64_t row = 0; row < info.channels * info.height; ++row)
    std::reverse(chw + row * info.width, chw + (row + 1) * info.width);
}

void to_unit_range(const uint8_t* bytes, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = static_cast<float>(bytes[i]) * (2.0F / 255.0F) - 1.0F;
}

}  // namespace

BatchStream::BatchStream(const Dataset& dataset, const BatchOptions& options, int64_t first)
    : dataset_(dataset),
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

std::vector<int64_t> BatchStream::image_numbers(int64_t index) {
  const int64_t images = dataset_.info().images;
  const int64_t first = index * options_.batch_size;
  std::vector<int64_t> numbers;
  const std::lock_guard lock(orders_mutex_);
  for (int64_t place = first; place < first + options_.batch_size; ++place) {
    const int64_t epoch = place / images;
    auto& order = orders_[epoch];
    if (order.empty()) {
      order = random_permutation(
          {options_.seed, RandomPurpose::kShuffle, static_cast<uint64_t>(epoch)}, images);
    }
    numbers.push_back(order[static_cast<size_t>(place % images)]);
  }
  // Another worker may still need the epoch before.
  orders_.erase(orders_.begin(), orders_.lower_bound(first / images - 1));
  return numbers;
}

Batch BatchStream::make_batch(int64_t index) {
  const auto& info = dataset_.info();
  const int64_t size = info.channels * info.height * info.width;
  const auto numbers = image_numbers(index);
  const auto count = static_cast<int64_t>(numbers.size());
  Batch batch;
  batch.x = torch::empty({count, info.channels, info.height, info.width},
                         torch::TensorOptions().pinned_memory(options_.pin_memory));
  if (info.num_classes > 0) {
    batch.labels = torch::empty(
        {count}, torch::TensorOptions(torch::kInt64).pinned_memory(options_.pin_memory));
  }
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t number = numbers[static_cast<size_t>(i)];
    dataset_.read(number, bytes.data());
    const auto place = static_cast<uint64_t>(index * options_.batch_size + i);
    const RandomKey coin{options_.seed, RandomPurpose::kFlip, place};
    if (options_.flip && random_uniform(coin) < 0.5) mirror(bytes.data(), info);
    to_unit_range(bytes.data(), size, batch.x.data_ptr<float>() + i * size);
    if (batch.labels.defined()) batch.labels.data_ptr<int64_t>()[i] = dataset_.label(number);
  }
  if (options_.prepare) options_.prepare(batch, index * options_.batch_size);
  return batch;
}

}  // namespace ddpm
