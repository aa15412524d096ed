#include "ddpm/data/tar.h"

#include "ddpm/data/cifar10.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("a.tar.gz", as_text(data, size));
  expect_only<DataError>([&] {
    TarReader tar(file);
    while (const auto entry = tar.next()) {
      if (entry->name.size() % 2 == 0) require(tar.read().size() == entry->size);
    }
  });
  DataConfig config;
  config.split = "test";
  config.memory_limit_gb = 0.064;
  config.workers = 1;
  expect_only<DataError>([&] { require(open_cifar10(config, file)->info().images > 0); });
  return 0;
}
