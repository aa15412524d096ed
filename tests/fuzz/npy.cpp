#include "ddpm/data/npy.h"

#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  expect_only<DataError>([&] {
    const auto array = parse_npy(as_text(data, size), "a.npy");
    const auto back = parse_npy(format_npy(array), "a.npy");
    require(back.dtype == array.dtype && back.shape == array.shape && back.bytes == array.bytes);
  });
  return 0;
}
