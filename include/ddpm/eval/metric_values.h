#pragma once

#include <vector>

#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/metrics.h"

namespace ddpm {

/// What metrics are computed from.
struct MetricInputs {
  const ImageFeatures& generated;
  const Reference& reference;
  const FeatureNetwork& network;  // tells names only
  const DistanceBounds& bounds;
  const EvaluationOptions& options;
};

// The numbers of a metric, one function each, for the column `compute` of `metric_table`.
// `DataError` that says what a metric needs if it cannot be had.

std::vector<MetricValue> frechet_values(const MetricInputs& inputs);
std::vector<MetricValue> infinity_values(const MetricInputs& inputs);
std::vector<MetricValue> kernel_values(const MetricInputs& inputs);
std::vector<MetricValue> inception_score_values(const MetricInputs& inputs);
std::vector<MetricValue> manifold_values(const MetricInputs& inputs);
std::vector<MetricValue> agreement_values(const MetricInputs& inputs);
std::vector<MetricValue> per_class_values(const MetricInputs& inputs);
std::vector<MetricValue> diversity_values(const MetricInputs& inputs);
std::vector<MetricValue> neighbour_values(const MetricInputs& inputs);

}  // namespace ddpm
