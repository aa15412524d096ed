#include "ddpm/config/dataset_traits.h"

#include <algorithm>
#include <array>

namespace ddpm {
namespace {

constexpr auto kFashionMnist =
    std::to_array<std::string_view>({"/usr/share/datasets/fashion-mnist", "data/fashion-mnist"});
constexpr auto kMnist = std::to_array<std::string_view>({"data/mnist"});
constexpr auto kCifar10 = std::to_array<std::string_view>(
    {"data/cifar10", "data/cifar-10-batches-bin", "data/cifar-10-binary.tar.gz"});
constexpr auto kCifar100 = std::to_array<std::string_view>(
    {"data/cifar100", "data/cifar-100-binary", "data/cifar-100-binary.tar.gz"});

constexpr auto kDatasets = std::to_array<DatasetTraits>({
    {.name = "fashion-mnist",
     .places = kFashionMnist,
     .remedy = "run scripts/get_data.sh fashion-mnist or apt-get install dataset-fashion-mnist"},
    {.name = "mnist", .places = kMnist, .remedy = "run scripts/get_data.sh mnist"},
    {.name = "cifar10", .places = kCifar10, .remedy = "run scripts/get_data.sh cifar10"},
    {.name = "cifar100",
     .places = kCifar100,
     .remedy = "put cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html into "
               "data/"},
    {.name = "idx"},
    {.name = "folder"},
    {.name = "npz"},
});

constexpr auto kDatasetNames = [] {
  std::array<std::string_view, kDatasets.size()> names = {};
  std::ranges::transform(kDatasets, names.begin(), &DatasetTraits::name);
  return names;
}();

}  // namespace

std::span<const std::string_view> dataset_names() {
  return kDatasetNames;
}

const DatasetTraits* find_dataset_traits(std::string_view name) {
  const auto* const row = std::ranges::find(kDatasets, name, &DatasetTraits::name);
  return row == kDatasets.end() ? nullptr : row;
}

}  // namespace ddpm
