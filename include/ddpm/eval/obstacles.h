#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/eval/evaluation.h"

namespace ddpm {

/// A set of images, as far as it is known before any of them is looked at.
struct ImageSet {
  std::string name = {};
  int64_t images = 0;                // 0: statistics alone
  std::vector<int64_t> labels = {};  // one an image; empty: no classes
};

/// A metric that cannot be had of these images.
struct Obstacle {
  bool MetricSelection::*metric;
  std::string reason;  // "WHAT: expected ..., got ..."
};

/// What `evaluate` would refuse of the metrics that are selected, found before hours go into
/// drawing: too few images, too few of a class, no classes, a reference of statistics alone.
std::vector<Obstacle> find_obstacles(const EvaluationOptions& options, const ImageSet& scored,
                                     const ImageSet& reference);

}  // namespace ddpm
