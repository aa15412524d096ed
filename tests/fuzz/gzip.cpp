#include "ddpm/data/gzip.h"

#include "ddpm/util/error.h"
#include "fuzz.h"

// The first byte says how much is read at a time.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  if (size == 0) return 0;
  const uint64_t step = uint64_t{1} << (data[0] % 64);
  const auto file = fuzz_folder().write("a.gz", as_text(data, size).substr(1));
  expect_only<DataError>([&] {
    GzipReader reader(file);
    while (!reader.at_end()) {
      reader.skip(1);
      if (!reader.at_end()) require(reader.read(step).size() == step);
    }
  });
  return 0;
}
