#include "ddpm/data/dataset.h"

#include <algorithm>
#include <filesystem>

#include "ddpm/data/cifar10.h"
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
  std::string name;
  Reader open;
  std::vector<std::string> places;  // looked up in order if data.root is not set
  std::string remedy;               // what to do if none of them is there
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

const std::vector<Source>& sources() {
  static const std::vector<Source> table = {
      {"fashion-mnist",
       open_fashion_mnist,
       {"/usr/share/datasets/fashion-mnist", "data/fashion-mnist"},
       "run scripts/get_data.sh fashion-mnist or apt-get install dataset-fashion-mnist"},
      {"mnist", open_mnist, {"data/mnist"}, "run scripts/get_data.sh mnist"},
      {"cifar10",
       open_cifar10,
       {"data/cifar10", "data/cifar-10-batches-bin", "data/cifar-10-binary.tar.gz"},
       "run scripts/get_data.sh cifar10"},
      {"idx", open_plain_idx, {}, ""},
      {"folder", open_folder, {}, ""},
      {"npz", open_npz, {}, ""},
  };
  return table;
}

const Source& find_source(const std::string& name) {
  std::vector<std::string> names;
  for (const Source& source : sources()) {
    if (source.name == name) return source;
    names.push_back(source.name);
  }
  throw UserError("data.name: expected one of ", join(names), ", got '", name, "'; did you mean ",
                  nearest(name, names), "?");
}

fs::path find_root(const Source& source, const std::string& root) {
  if (!root.empty()) {
    if (fs::exists(root)) return root;
    throw DataError(root, ": no such file or folder");
  }
  if (source.places.empty()) {
    throw UserError("data.root: expected the place of the images, as data.name is ", source.name);
  }
  for (const std::string& place : source.places) {
    if (fs::exists(place)) return place;
  }
  throw DataError(source.name, " not found in ", join(source.places), "; ", source.remedy,
                  ", or set data.root");
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
  const Source& source = find_source(config.name);
  if (config.split != "train" && config.split != "test") {
    throw UserError("data.split: expected train or test, got '", config.split, "'");
  }
  try {
    auto dataset = source.open(config, find_root(source, config.root));
    check_class_names(dataset->info());
    return dataset;
  } catch (const DataError& error) {
    throw DataError("data: ", error.what());
  } catch (const fs::filesystem_error& error) {
    throw DataError("data: ", error.path1().string(), ": ", error.code().message());
  }
}

}  // namespace ddpm
