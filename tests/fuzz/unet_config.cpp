#include "ddpm/checkpoint/unet_config.h"

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("config.json", as_text(data, size));
  expect_only<CheckpointError>([&] {
    const auto network = unet_config_from_json(load_json(file), "a");
    require(least_unet_parameters(network) > 0);
    const auto written = unet_config_to_json(network);
    require(unet_config_to_json(unet_config_from_json(written, "a")) == written);
  });
  return 0;
}
