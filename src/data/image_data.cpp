#include "ddpm/data/image_data.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ddpm/data/pixels.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

SampleSpec spec_of(const DatasetInfo& info) {
  return {.kind = SampleKind::kImage,
          .channels = info.channels,
          .height = info.height,
          .width = info.width,
          .num_classes = info.num_classes,
          .class_names = info.class_names};
}

/// Mirrors one image, [C, H, W] bytes, left to right.
void mirror(uint8_t* chw, const SampleSpec& spec) {
  for (int64_t row = 0; row < spec.channels * spec.height; ++row)
    std::reverse(chw + row * spec.width, chw + (row + 1) * spec.width);
}

}  // namespace

ImageData::ImageData(std::shared_ptr<const Dataset> dataset, const ImageDataOptions& options)
    : TrainingData(spec_of(dataset->info()), dataset->info().where),
      dataset_(std::move(dataset)),
      options_(options) {}

void ImageData::fill(int64_t index, int64_t place, float* values) const {
  thread_local std::vector<uint8_t> bytes;
  bytes.resize(static_cast<size_t>(spec().numel()));
  dataset_->read(index, bytes.data());
  const RandomKey coin{options_.seed, RandomPurpose::kFlip, static_cast<uint64_t>(place)};
  if (options_.flip && random_uniform(coin) < 0.5) mirror(bytes.data(), spec());
  std::ranges::transform(bytes, values, pixel_to_unit);
}

ImageData training_images(std::shared_ptr<const Dataset> dataset, const Config& config) {
  return ImageData(std::move(dataset),
                   {.flip = config.data.flip, .seed = static_cast<uint64_t>(config.train.seed)});
}

}  // namespace ddpm
