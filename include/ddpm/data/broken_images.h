#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// What a look at every image found.
struct BrokenImages {
  int64_t files = 0;                // all that were looked at
  std::vector<std::string> broken;  // what is wrong with each broken one, which it names
};

/// Decodes all images of the dataset, whatever `data.skip_bad` says. `DataError` if it cannot be
/// opened even so.
BrokenImages find_broken_images(DataConfig config);

}  // namespace ddpm
