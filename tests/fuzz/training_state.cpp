#include "ddpm/checkpoint/training_state.h"

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("state.json", as_text(data, size));
  expect_only<CheckpointError>([&] {
    const auto state = training_state_from_json(load_json(file), "a");
    require(state.step >= 0);
    const auto written = training_state_to_json(state);
    require(training_state_to_json(training_state_from_json(written, "a")) == written);
  });
  return 0;
}
