#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/training_data.h"

namespace ddpm {

/// Samples with what goes with them.
struct Batch {
  torch::Tensor x;             // [N, C, H, W] float32, as `TrainingData` gives them
  torch::Tensor labels;        // [N] int64, their classes; undefined without labels
  torch::Tensor augment = {};  // [N, augment_labels()] float32; undefined where that is 0
  std::map<std::string, torch::Tensor> drawn = {};  // [N, ...], by `BatchOptions::prepare`
};

struct BatchOptions {
  int64_t batch_size = 1;
  int64_t stride = 1;       // the stream gives every so many-th batch
  uint64_t seed = 0;        // of the order
  int64_t workers = 2;      // threads that decode ahead
  bool pin_memory = false;  // for asynchronous copies to a GPU
  /// Called on each batch by the thread that made it, with the place of its first sample in
  /// the sequence of training samples. Must be safe to call from several threads, and call no
  /// LibTorch operator that has threads of its own.
  std::function<void(Batch& batch, int64_t first_place)> prepare = {};
};

/// The endless sequence of training batches: every sample once an epoch, in an order drawn for each
/// epoch. Batch k is a pure function of the data, the seed and k, whatever the number of
/// workers, so going on from step k needs no state.
class BatchStream {
 public:
  /// `data` must outlive the stream, which gives the batches `first`, `first` + stride, and so
  /// on. Decoding starts at once.
  BatchStream(const TrainingData& data, const BatchOptions& options, int64_t first);
  ~BatchStream();
  BatchStream(const BatchStream&) = delete;
  BatchStream& operator=(const BatchStream&) = delete;

  /// The next batch. Errors of the data come out here.
  Batch next();

 private:
  struct Slot {
    Batch batch;
    std::exception_ptr error;
  };
  void work();
  void stop();
  Batch make_batch(int64_t index);
  std::vector<int64_t> sample_numbers(int64_t index);

  const TrainingData& data_;
  BatchOptions options_;
  int64_t next_to_give_;
  int64_t next_to_make_;
  bool stopping_ = false;
  std::map<int64_t, Slot> ready_;
  std::map<int64_t, std::vector<int64_t>> orders_;  // by epoch
  std::mutex mutex_;
  std::mutex orders_mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
};

}  // namespace ddpm
