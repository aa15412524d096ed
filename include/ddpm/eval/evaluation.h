#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/feature_pass.h"
#include "ddpm/eval/reference.h"

namespace ddpm {

/// Which numbers are asked for.
struct MetricSelection {
  bool frechet = false;           // fid, or fd in another network's features
  bool kernel = false;            // kid
  bool inception_score = false;   // is
  bool manifold = false;          // precision, recall, density, coverage
  bool frechet_infinity = false;  // fid_infinity
  bool class_agreement = false;   // share of images that a classifier assigns to their class
  bool per_class = false;         // Frechet distance of each class
  bool diversity = false;         // within classes: mean feature distance, MS-SSIM
  bool neighbours = false;        // share of near-copies of reference images
  bool bits_per_dim = false;      // of test images, which needs no generated ones

  /// Whether any of them looks at generated images.
  bool needs_images() const;
  /// Whether any of them compares with a reference.
  bool needs_reference() const;
  /// Whether any of them looks at single images of the reference.
  bool needs_reference_features() const;
  bool any() const { return needs_images() || bits_per_dim; }
  bool operator==(const MetricSelection&) const = default;
};

struct EvaluationOptions {
  MetricSelection metrics;
  int64_t nearest = 3;  // the k of precision, recall, density and coverage
  int64_t kid_subsets = 100;
  int64_t kid_subset_size = 1000;  // fewer if a side has fewer images, which is told
  int64_t splits = 10;             // of the Inception score
  uint64_t seed = 0;               // of subsets and pairs
};

/// What the selected metrics need to know of the generated images, whose classes are `labels`.
Keep keep_for(const EvaluationOptions& options, const std::vector<int64_t>& labels);

/// Frechet distances of real images and of noise to the reference, as many as were generated: where
/// a perfect and a useless model would stand.
struct DistanceBounds {
  std::optional<double> floor;
  std::optional<double> ceiling;
  std::string floor_name;  // what was measured: "fashion-mnist test, 10000 images"
};

/// One number with what belongs to it.
struct MetricValue {
  std::string key;    // of the JSON object: "fid", "fd", "kid", ...
  std::string title;  // for people: "FD (classifier, 128-d, 0123abcd)"
  double value = 0.0;
  std::optional<double> deviation = {};
  nlohmann::ordered_json details = {};  // further keys of its JSON object
  std::string note = {};                // for people, beside it: "floor 1.2, noise 540"
  std::string warning = {};             // why it is not sound, if it is not
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
