#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "ddpm/sample/generator.h"

namespace ddpm {

/// Images that are drawn every so many steps of a training run, and at its end; by default none.
struct Preview {
  int64_t images = 0;
  int64_t every = 0;                        // 0: at the end alone
  std::optional<double> last_seconds = {};  // with what was done with the images

  bool due(int64_t step) const { return every > 0 && step % every == 0; }

  /// The seconds that it takes: as many as the last time, before the first time `per_image` for
  /// each image.
  double seconds(double per_image) const {
    return last_seconds.value_or(per_image * static_cast<double>(images));
  }

  /// The same for each step of the run, in the mean.
  double seconds_per_step(double per_image) const {
    return every > 0 ? seconds(per_image) / static_cast<double>(every) : 0.0;
  }
};

/// Seconds since some moment, from a clock that is never set.
double steady_seconds();

/// Seconds that an image takes of `images` that are drawn at once: timed by `clock` is a network
/// call at the middle noise level, guided as the generator's options say.
double seconds_per_image(Generator& generator, int64_t images,
                         const std::function<double()>& clock = steady_seconds);

}  // namespace ddpm
