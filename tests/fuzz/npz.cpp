#include "ddpm/data/npz.h"

#include "ddpm/data/npy.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  constexpr uint64_t kMaxBytes = uint64_t{64} << 20;
  const auto file = fuzz_folder().write("a.npz", as_text(data, size));
  expect_only<DataError>([&] {
    for (const auto& [name, array] : load_npz(file, kMaxBytes))
      require(array.bytes.size() <= kMaxBytes);
  });
  DataConfig config;
  config.memory_limit_gb = 0.064;
  config.workers = 1;
  expect_only<DataError>([&] {
    try {
      require(open_npz(config, file)->info().images > 0);
    } catch (const NoSplitError&) {  // images of other splits alone
    }
  });
  return 0;
}
