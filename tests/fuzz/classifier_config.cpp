#include "ddpm/checkpoint/classifier_config.h"

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("config.json", as_text(data, size));
  expect_only<CheckpointError>([&] {
    const auto network = classifier_config_from_json(load_json(file), "a");
    require(least_classifier_parameters(network) > 0);
    const auto written = classifier_config_to_json(network);
    require(classifier_config_to_json(classifier_config_from_json(written, "a")) == written);
  });
  return 0;
}
