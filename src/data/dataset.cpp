#include "ddpm/data/dataset.h"

#include <algorithm>
#include <filesystem>

#include "ddpm/config/dataset_traits.h"
#include "ddpm/data/cifar10.h"
#include "ddpm/data/data_kind.h"
#include "ddpm/data/folder.h"
#include "ddpm/data/idx.h"
#include "ddpm/data/npz.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

using Reader = std::unique_ptr<Dataset> (*)(const DataConfig&, const fs::path&);

struct Source {
  std::string_view name;
  Reader open;
};

std::unique_ptr<Dataset> open_fashion_mnist(const DataConfig& config, const fs::path& root) {
  return open_idx(config, root,
                  {"t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker",
                   "bag", "ankle-boot"});
}

std::unique_ptr<Dataset> open_mnist(const DataConfig& config, const fs::path& root) {
  return open_idx(config, root, {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"});
}

std::unique_ptr<Dataset> open_plain_idx(const DataConfig& config, const fs::path& root) {
  return open_idx(config, root);
}

constexpr Source kSources[] = {
    {"fashion-mnist", open_fashion_mnist},
    {"mnist", open_mnist},
    {"cifar10", open_cifar10},
    {"cifar100", open_cifar100},
    {"idx", open_plain_idx},
    {"folder", open_folder},
    {"npz", open_npz},
};

const DatasetTraits& dataset_traits(const std::string& name) {
  if (const auto* const traits = find_dataset_traits(name)) return *traits;
  const auto words = dataset_names();
  const std::vector<std::string> names(words.begin(), words.end());
  throw UserError("data.name: expected one of ", join(names), ", got '", name, "'; did you mean ",
                  nearest(name, names), "?");
}

fs::path find_root(const DatasetTraits& traits, const std::string& root) {
  if (!root.empty()) {
    if (fs::exists(root)) return root;
    throw DataError(root, ": no such file or folder");
  }
  if (traits.places.empty()) {
    throw UserError("data.root: expected the place of the images, as data.name is ", traits.name);
  }
  for (const auto place : traits.places)
    if (fs::exists(place)) return place;
  throw DataError(traits.name, " not found in ", join({traits.places.begin(), traits.places.end()}),
                  "; ", traits.remedy, ", or set data.root");
}

/// Checkpoints hold the names as JSON.
void check_class_names(const DatasetInfo& info) {
  const auto wrong = std::ranges::find_if_not(info.class_names, is_plain_text);
  if (wrong == info.class_names.end()) return;
  throw DataError(info.where, ": expected class names in UTF-8 without control characters, got '",
                  one_line(*wrong), "'");
}

}  // namespace

std::unique_ptr<Dataset> open_dataset(const DataConfig& config) {
  const auto& traits = dataset_traits(config.name);
  if (config.split != "train" && config.split != "val" && config.split != "test") {
    throw UserError("data.split: expected train, val or test, got '", config.split, "'");
  }
  try {
    const auto root = find_root(traits, config.root);
    const auto kind = traits.name == "folder" ? find_data_kind(root) : std::string(traits.name);
    const auto* const source = std::ranges::find(kSources, kind, &Source::name);
    auto dataset = source->open(config, root);
    check_class_names(dataset->info());
    return dataset;
  } catch (const NoSplitError& error) {
    throw NoSplitError("data: ", error.what());
  } catch (const DataError& error) {
    throw DataError("data: ", error.what());
  } catch (const fs::filesystem_error& error) {
    throw DataError("data: ", error.path1().string(), ": ", error.code().message());
  }
}

}  // namespace ddpm
