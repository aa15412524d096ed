#include "ddpm/data/cifar10.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

// Two files: the names of the classes and a batch.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto files = split_in_two(as_text(data, size));
  fuzz_folder().write("batches.meta.txt", files.first);
  fuzz_folder().write("test_batch.bin", files.second);
  DataConfig config;
  config.split = "test";
  config.workers = 1;
  expect_only<DataError>([&] {
    const auto dataset = open_cifar10(config, fuzz_folder().path());
    require(dataset->info().images * 3073 == static_cast<int64_t>(files.second.size()));
  });
  return 0;
}
