#pragma once

#include <filesystem>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/train/plan.h"
#include "ddpm/train/trainer.h"
#include "ddpm/util/files.h"
#include "tests/support/training.h"

namespace ddpm {

/// Trains in `run`, from its newest checkpoint if there is one, with `threads` threads.
inline void train(const Config& settings, const std::filesystem::path& run, int threads = 2) {
  at::set_num_threads(threads);
  // An epoch ends within the run, within a batch.
  const auto dataset = training_images(std::make_shared<NoiseDataset>(30), settings);
  RunFolder folder{RunDirectory(run)};
  folder.directory().create();
  Trainer trainer(complete_config(settings, dataset), dataset, folder,
                  {.checkpoint = folder.directory().newest_checkpoint()});
  trainer.run();
}

/// Every file of tensors of two checkpoints is the same.
inline void expect_same_bits(const std::filesystem::path& a, const std::filesystem::path& b) {
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(a)) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto file = entry.path().lexically_relative(a);
    EXPECT_TRUE(read_file(a / file) == read_file(b / file)) << file;
    ++files;
  }
  EXPECT_GE(files, 4);
}

}  // namespace ddpm
