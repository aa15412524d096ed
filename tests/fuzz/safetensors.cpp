#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("a.safetensors", as_text(data, size));
  expect_only<CheckpointError>([&] {
    const auto header = load_safetensors_header(file);
    uint64_t end = 0;
    for (const auto& entry : header.entries) {
      require(entry.begin == end && entry.end >= entry.begin);
      end = entry.end;
    }
    require(header.data_begin + end == size);
  });
  return 0;
}
