#include "ddpm/checkpoint/json.h"

#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("a.json", as_text(data, size));
  expect_only<CheckpointError>([&] {
    const auto value = load_json(file);
    require(parse_json(format_json(value), "a.json") == value);
    require(parse_json(shown_json(value), "a.json") == value);
  });
  expect_only<CheckpointError>([&] { shown_json(load_ordered_json(file)); });
  return 0;
}
