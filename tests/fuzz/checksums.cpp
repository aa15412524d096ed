#include "ddpm/checkpoint/checksums.h"

#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  static const auto kWeights = fuzz_folder().write("weights", "0123456789");
  fuzz_folder().write("checksums.json", as_text(data, size));
  expect_only<CheckpointError>([] { verify_checksums(kWeights.parent_path()); });
  expect_only<CheckpointError>([] { verify_checksums(kWeights.parent_path(), {"unet"}); });
  return 0;
}
