#include "ddpm/data/image_data.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ddpm/config/names.h"
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
  augment(draw_augmentation(options_.augment, options_.seed, place), spec(), values);
}

int64_t ImageData::augment_labels() const {
  return options_.augment.probability > 0 ? kAugmentLabels : 0;
}

void ImageData::fill_augment_labels(int64_t place, float* labels) const {
  const auto drawn = draw_augmentation(options_.augment, options_.seed, place);
  std::ranges::copy(ddpm::augment_labels(drawn), labels);
}

ImageData training_images(std::shared_ptr<const Dataset> dataset, const Config& config) {
  ImageDataOptions options;
  options.flip = config.data.flip;
  options.seed = static_cast<uint64_t>(config.train.seed);
  options.augment.probability = config.train.augment;
  for (const auto& word : config.train.augment_transforms)
    if (const auto transform = from_name<AugmentTransform>(word))
      options.augment.transforms.push_back(*transform);
  return ImageData(std::move(dataset), options);
}

}  // namespace ddpm
