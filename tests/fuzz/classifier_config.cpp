#include "ddpm/checkpoint/classifier_config.h"

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("config.json", as_text(data, size));
  expect_only<CheckpointError>([&] {
    ModelConfig model;
    ClassifierConfig options;
    classifier_config_from_json(load_json(file), "a", model, options);
    require(least_classifier_parameters(model, options) > 0);
    const auto written = classifier_config_to_json(model, options);
    classifier_config_from_json(written, "a", model, options);
    require(classifier_config_to_json(model, options) == written);
  });
  return 0;
}
