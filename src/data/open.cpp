#include "ddpm/data/open.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/number.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

DatasetInfo with_class_names(DatasetInfo info, const std::vector<std::string>& names) {
  info.class_names = names;
  info.num_classes = std::ssize(names);
  return info;
}

/// The number of the class that `name` names or numbers; nothing if there is none.
std::optional<int64_t> number_of(const std::string& name, const std::vector<std::string>& names) {
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return found - names.begin();
  const auto number = parse_padded_number<int64_t>(name).value_or(-1);
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

std::shared_ptr<const Dataset> open_images(const fs::path& path, const DataConfig& like) {
  if (!fs::exists(path)) throw DataError(path.string(), ": no such file or folder");
  DataConfig data;
  data.root = path.string();
  data.channels = like.channels;
  data.image_size = like.image_size;
  data.skip_bad = like.skip_bad;
  data.memory_limit_gb = like.memory_limit_gb;
  data.max_image_pixels = like.max_image_pixels;
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
