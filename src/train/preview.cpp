#include "ddpm/train/preview.h"

#include <chrono>

#include <torch/types.h>

#include "ddpm/model/signature.h"
#include "ddpm/samplers/sampler.h"

namespace ddpm {

double steady_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

double seconds_per_image(Generator& generator, int64_t images,
                         const std::function<double()>& clock) {
  const auto request =
      request_of_part(/*seed=*/0, cycle_labels(generator.signature(), {}, images), 0, images);
  double seconds = 0.0;
  const auto time_call = [&](const SamplerInputs& inputs) {
    const auto& level = inputs.levels[(inputs.levels.size() - 1) / 2];
    auto x = generator.start_of(request);
    for (int i = 0; i < 2; ++i) {  // the first one pays for set-up
      const double start = clock();
      x = inputs.denoise(x, level).x0.cpu();  // which waits for the device
      seconds = clock() - start;
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
