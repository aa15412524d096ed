#include "ddpm/data/deflate.h"

#include "ddpm/util/error.h"
#include "fuzz.h"

// The first byte says how much the stream claims to hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  if (size == 0) return 0;
  const uint64_t claim = uint64_t{1} << (data[0] % 64);
  const auto bytes = as_text(data, size).substr(1);
  expect_only<DataError>([&] { require(inflate_bytes(bytes, claim, "a").size() == claim); });
  require(inflate_bytes(deflate_bytes(bytes), bytes.size(), "a") == bytes);
  return 0;
}
