#include "ddpm/train/drawing.h"

#include <chrono>

#include <torch/types.h>

#include "ddpm/samplers/sampler.h"

namespace ddpm {

double seconds_per_image(Generator& generator, int64_t images) {
  const auto request =
      request_of_part(/*seed=*/0, cycle_labels(generator.model(), {}, images), 0, images);
  double seconds = 0.0;
  const auto time_call = [&](const SamplerInputs& inputs) {
    const auto& level = inputs.levels[(inputs.levels.size() - 1) / 2];
    auto x = generator.start_of(request);
    for (int i = 0; i < 2; ++i) {  // the first one pays for set-up
      const auto start = std::chrono::steady_clock::now();
      x = inputs.denoise(x, level).x0.cpu();  // which waits for the device
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      x = x.to(generator.device());
    }
    return x;
  };
  generator.run(
      request, [](int64_t) {}, time_call);
  return seconds * static_cast<double>(network_calls(generator.process(), generator.options())) /
         static_cast<double>(images);
}

}  // namespace ddpm
