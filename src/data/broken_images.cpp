#include "ddpm/data/broken_images.h"

#include "ddpm/data/dataset.h"
#include "ddpm/data/parallel.h"
#include "ddpm/util/error.h"

namespace ddpm {

BrokenImages find_broken_images(DataConfig config) {
  config.skip_bad = true;
  const auto dataset = open_dataset(config);
  const auto& info = dataset->info();
  const auto bytes = static_cast<size_t>(info.channels * info.height * info.width);
  parallel_for(info.images, config.workers, [&](int64_t i) {
    std::vector<uint8_t> chw(bytes);
    try {
      dataset->read(i, chw.data());
    } catch (const DataError&) {  // a class of broken files alone: each of them is noted
    }
  });
  return {info.images + info.skipped, dataset->broken_files()};
}

}  // namespace ddpm
