#pragma once

#include <string>
#include <utility>
#include <vector>

namespace ddpm {

/// One thing that a sweep changes, and its values in turn.
struct SweepAxis {
  std::string name;  // "checkpoint", "seed", or a setting of the section sample without its section
  std::vector<std::string> values;
};

/// One cell of a sweep: values by axis, in the order of the axes.
using SweepCell = std::vector<std::pair<std::string, std::string>>;

}  // namespace ddpm
