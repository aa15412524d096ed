#include "ddpm/eval/image_source.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include <torch/types.h>

#include "ddpm/data/image_tensors.h"
#include "ddpm/sample/images.h"
#include "ddpm/util/random.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/stop.h"

namespace ddpm {
namespace {

SourceInfo describe(const DatasetInfo& data, const std::string& name, int64_t count) {
  return {.name = name,
          .images = std::min(count, data.images),
          .channels = data.channels,
          .height = data.height,
          .width = data.width,
          .num_classes = data.num_classes,
          .class_names = data.class_names};
}

/// Random, so that a folder that is read class by class gives some of each.
std::vector<int64_t> choose(int64_t images, int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(images));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  if (count >= images) return numbers;
  numbers = random_permutation({.seed = 0, .purpose = RandomPurpose::kImageSubset}, images);
  numbers.resize(static_cast<size_t>(count));
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace

DatasetImages::DatasetImages(std::shared_ptr<const Dataset> dataset, const std::string& name,
                             int64_t count)
    : ImageSource(describe(dataset->info(), name, count)),
      dataset_(std::move(dataset)),
      chosen_(choose(dataset_->info().images, count)) {}

SourceBatch DatasetImages::read(int64_t first, int64_t count) {
  const std::span numbers =
      std::span(chosen_).subspan(static_cast<size_t>(first), static_cast<size_t>(count));
  SourceBatch batch;
  batch.images = read_images(*dataset_, numbers);
  if (info().num_classes > 0) batch.labels = read_labels(*dataset_, numbers);
  return batch;
}

std::vector<int64_t> DatasetImages::labels() const {
  return info().num_classes == 0 ? std::vector<int64_t>() : read_labels(*dataset_, chosen_);
}

std::string DatasetImages::identity() {
  if (!identity_.empty()) return identity_;
  Sha256 hash;
  std::vector<uint8_t> pixels(static_cast<size_t>(info().channels * info().height * info().width));
  for (const int64_t number : chosen_) {
    throw_if_stopped();
    dataset_->read(number, pixels.data());
    hash.update({reinterpret_cast<const char*>(pixels.data()), pixels.size()});
    hash.update(std::to_string(dataset_->label(number)) + ";");
  }
  identity_ = "images " + std::to_string(info().images) + "x" + std::to_string(info().channels) +
              "x" + std::to_string(info().height) + "x" + std::to_string(info().width) + " " +
              hash.finish();
  return identity_;
}

GeneratedImages::GeneratedImages(std::shared_ptr<Generator> generator, SourceInfo info,
                                 uint64_t seed, std::vector<int64_t> labels, std::string identity)
    : ImageSource(std::move(info)),
      generator_(std::move(generator)),
      seed_(seed),
      labels_(std::move(labels)),
      identity_(std::move(identity)) {}

SourceBatch GeneratedImages::read(int64_t first, int64_t count) {
  const auto request = request_of_part(seed_, labels_, first, count);
  const auto images = generator_->generate(request, [](int64_t) { throw_if_stopped(); });
  check_finite_images(images);
  return {.images = to_uint8(images).permute({0, 3, 1, 2}).contiguous(), .labels = request.labels};
}

NoiseImages::NoiseImages(const SourceInfo& like, int64_t count)
    : ImageSource({.name = "uniform noise",
                   .images = count,
                   .channels = like.channels,
                   .height = like.height,
                   .width = like.width,
                   .num_classes = 0,
                   .class_names = {}}) {}

SourceBatch NoiseImages::read(int64_t first, int64_t count) {
  auto values = torch::empty({count, info().channels, info().height, info().width});
  std::vector<RandomKey> keys;
  for (int64_t i = 0; i < count; ++i)
    keys.push_back({.seed = 0,
                    .purpose = RandomPurpose::kUniformImage,
                    .index = static_cast<uint64_t>(first + i)});
  fill_uniform_rows(keys, 0.0F, 256.0F,
                    {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
  return {.images = values.clamp(0, 255).to(torch::kUInt8), .labels = {}};
}

std::string NoiseImages::identity() {
  return "noise " + std::to_string(info().images) + "x" + std::to_string(info().channels) + "x" +
         std::to_string(info().height) + "x" + std::to_string(info().width);
}

}  // namespace ddpm
