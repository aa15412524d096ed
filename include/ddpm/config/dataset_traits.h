#pragma once

#include <span>
#include <string_view>

namespace ddpm {

/// What settings must know of a dataset or of a format of one's own; its reader is in
/// data/dataset.cpp.
struct DatasetTraits {
  std::string_view name;
  std::span<const std::string_view> places = {};  // looked up in order if data.root is not set
  std::string_view remedy = {};                   // what to do if none of them is there
};

/// The words that `data.name` can be.
std::span<const std::string_view> dataset_names();

/// The row of `name`; null if there is none.
const DatasetTraits* find_dataset_traits(std::string_view name);

}  // namespace ddpm
