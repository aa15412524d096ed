#include "ddpm/data/idx.h"

#include <vector>

#include "ddpm/util/error.h"
#include "fuzz.h"

// Two files: the labels and the images.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto files = split_in_two(as_text(data, size));
  fuzz_folder().write("train-labels-idx1-ubyte", files.first);
  fuzz_folder().write("train-images-idx3-ubyte", files.second);
  DataConfig config;
  config.memory_limit_gb = 0.064;
  config.workers = 1;
  expect_only<DataError>([&] {
    const auto dataset = open_idx(config, fuzz_folder().path());
    const auto& info = dataset->info();
    require(info.images > 0 && dataset->label(info.images - 1) >= 0);
    std::vector<uint8_t> pixels(static_cast<size_t>(info.height * info.width));
    dataset->read(info.images - 1, pixels.data());
  });
  return 0;
}
