#pragma once

#include <string>

#include "ddpm/eval/metrics.h"

namespace ddpm {

// What keeps a metric from being computed of `scored` images and a reference, one function a kind
// of metric, for the column `obstacle` of `metric_table`.

std::string frechet_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                             const ImageSet& reference);
std::string infinity_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                              const ImageSet& reference);
std::string splits_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                            const ImageSet& reference);
/// Two images a side, and those of the reference themselves.
std::string pairs_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                           const ImageSet& reference);
/// More than `options.nearest` images a side.
std::string nearest_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                             const ImageSet& reference);
std::string classes_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                             const ImageSet& reference);
std::string per_class_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                               const ImageSet& reference);
std::string diversity_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                               const ImageSet& reference);

}  // namespace ddpm
