#include "ddpm/eval/image_source.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include <torch/types.h>

#include "ddpm/sample/images.h"
#include "ddpm/util/error.h"
#include "ddpm/util/number.h"
#include "ddpm/util/random.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
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

DatasetInfo with_class_names(DatasetInfo info, const std::vector<std::string>& names) {
  info.class_names = names;
  info.num_classes = std::ssize(names);
  return info;
}

/// Of the class that `name` names or numbers.
std::optional<int64_t> number_of(const std::string& name, const std::vector<std::string>& names) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return found - names.begin();
  const auto number = parse_number<int64_t>(name).value_or(-1);
  return number >= 0 && number < std::ssize(names) ? std::optional(number) : std::nullopt;
}

class RenumberedDataset : public Dataset {
 public:
  /// Class i becomes `numbers` [i].
  RenumberedDataset(std::shared_ptr<const Dataset> dataset, std::vector<int64_t> numbers,
                    const std::vector<std::string>& class_names)
      : Dataset(with_class_names(dataset->info(), class_names)),
        dataset_(std::move(dataset)),
        numbers_(std::move(numbers)) {}

  int64_t skipped() const override { return dataset_->skipped(); }
  int64_t label(int64_t index) const override {
    return numbers_.at(static_cast<size_t>(dataset_->label(index)));
  }
  void read(int64_t index, uint8_t* chw) const override { dataset_->read(index, chw); }

 private:
  std::shared_ptr<const Dataset> dataset_;
  std::vector<int64_t> numbers_;
};

}  // namespace

DatasetImages::DatasetImages(std::shared_ptr<const Dataset> dataset, const std::string& name,
                             int64_t count)
    : ImageSource(describe(dataset->info(), name, count)),
      dataset_(std::move(dataset)),
      chosen_(choose(dataset_->info().images, count)) {}

SourceBatch DatasetImages::read(int64_t first, int64_t count) {
  SourceBatch batch;
  batch.images = torch::empty({count, info().channels, info().height, info().width}, torch::kUInt8);
  const int64_t size = info().channels * info().height * info().width;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t number = chosen_.at(static_cast<size_t>(first + i));
    dataset_->read(number, batch.images.data_ptr<uint8_t>() + i * size);
    if (info().num_classes > 0) batch.labels.push_back(dataset_->label(number));
  }
  return batch;
}

std::vector<int64_t> DatasetImages::labels() const {
  std::vector<int64_t> labels;
  if (info().num_classes == 0) return labels;
  labels.reserve(chosen_.size());
  for (const int64_t number : chosen_)
    labels.push_back(dataset_->label(number));
  return labels;
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

std::shared_ptr<const Dataset> open_images(const fs::path& path, const DataConfig& like) {
  if (!fs::exists(path)) throw DataError(path.string(), ": no such file or folder");
  DataConfig data;
  data.root = path.string();
  data.name = fs::is_directory(path) ? "folder" : "npz";
  if (data.name == "npz" && path.extension() != ".npz") {
    throw DataError(path.string(), ": expected a folder of images or an .npz file");
  }
  data.channels = like.channels;
  data.image_size = like.image_size;
  data.skip_bad = like.skip_bad;
  data.memory_limit_gb = like.memory_limit_gb;
  data.workers = like.workers;
  return open_dataset(data);
}

std::string unknown_class(const Dataset& dataset, const std::vector<std::string>& class_names) {
  for (const auto& name : dataset.info().class_names)
    if (!number_of(name, class_names)) return name;
  return "";
}

std::shared_ptr<const Dataset> with_classes_as(std::shared_ptr<const Dataset> dataset,
                                               const std::vector<std::string>& class_names) {
  const auto& own = dataset->info().class_names;
  if (own.empty() || own == class_names) return dataset;
  std::vector<int64_t> numbers;
  for (const auto& name : own)
    numbers.push_back(number_of(name, class_names).value());
  return std::make_shared<RenumberedDataset>(std::move(dataset), std::move(numbers), class_names);
}

}  // namespace ddpm
