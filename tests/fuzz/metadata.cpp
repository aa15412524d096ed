#include "ddpm/data/label_list.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  if (size == 0) return 0;
  constexpr const char* kNames[] = {"metadata.csv", "metadata.jsonl", "dataset.json"};
  const auto text = as_text(data, size);
  const auto* const name = kNames[data[0] % 3];
  expect_only<DataError>([&] {
    const auto list = parse_label_list(name, text.substr(1), "list");
    require(list.labels.size() <= size);
  });
  return 0;
}
