#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/feature_pass.h"
#include "ddpm/eval/metrics.h"
#include "ddpm/eval/reference.h"

namespace ddpm {

/// Says what the selected metrics need to know of the generated images, whose classes are `labels`.
Keep keep_for(const EvaluationOptions& options, const std::vector<int64_t>& labels);

/// Frechet distances of real images and of noise to the reference, as many as were generated: where
/// a perfect and a useless model would stand.
struct DistanceBounds {
  std::optional<double> floor;
  std::optional<double> ceiling;
  std::string floor_name;  // what was measured: "fashion-mnist test, 10000 images"
};

/// The title of a metric in a network's features. Only in Inception's does it keep its usual name:
/// "FID", but "FD (classifier, 128-d, 0123abcd)".
std::string metric_title(const std::string& usual, const std::string& plain,
                         const FeatureNetwork& network);

/// Computes the selected metrics but bits per dimension. `network` tells names only. `DataError`
/// that says what a metric needs if it cannot be had: fewer images than k, no classes, a reference
/// of statistics alone.
std::vector<MetricValue> evaluate(const ImageFeatures& generated, const Reference& reference,
                                  const FeatureNetwork& network, const DistanceBounds& bounds,
                                  const EvaluationOptions& options);

/// The JSON object of a number: `{"value": ..., "std": ..., ...}`.
nlohmann::ordered_json to_json(const MetricValue& metric);

}  // namespace ddpm
