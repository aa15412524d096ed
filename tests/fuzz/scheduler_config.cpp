#include "ddpm/checkpoint/scheduler_config.h"

#include <spdlog/spdlog.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  spdlog::set_level(spdlog::level::off);  // it warns of schedulers without a twin
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("config.json", as_text(data, size));
  expect_only<CheckpointError>([&] {
    DiffusionConfig diffusion;
    SampleConfig sample;
    scheduler_config_from_json(load_json(file), "a", diffusion, sample);
    const auto written = scheduler_config_to_json(diffusion, sample);
    DiffusionConfig diffusion_back;
    SampleConfig sample_back;
    scheduler_config_from_json(written, "a", diffusion_back, sample_back);
    require(scheduler_config_to_json(diffusion_back, sample_back) == written);
  });
  return 0;
}
