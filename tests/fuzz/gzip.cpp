#include "ddpm/data/gzip.h"

#include "ddpm/data/deflate.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

// The first byte says how much is read at a time, and how large the deflate stream claims to be.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  if (size == 0) return 0;
  const uint64_t step = uint64_t{1} << (data[0] % 32);
  const auto bytes = as_text(data, size).substr(1);
  const auto file = fuzz_folder().write("a.gz", bytes);
  expect_only<DataError>([&] {
    GzipReader reader(file);
    while (!reader.at_end()) {
      reader.skip(1);
      if (!reader.at_end()) require(reader.read(step).size() == step);
    }
  });
  expect_only<DataError>([&] { require(inflate_bytes(bytes, step, "a").size() == step); });
  require(inflate_bytes(deflate_bytes(bytes), bytes.size(), "a") == bytes);
  return 0;
}
