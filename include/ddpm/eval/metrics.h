#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace ddpm {

/// The numbers, or families of them, that images and models are measured by, in the order in which
/// they are told.
enum class Metric {
  kFrechet,          // Frechet distance: fid, or fd in another network's features
  kFrechetInfinity,  // the same extrapolated to endless images
  kKernel,           // kernel distance, kid
  kInceptionScore,
  kManifold,        // precision, recall, density, coverage
  kClassAgreement,  // share of images that a classifier assigns to their class
  kPerClass,        // Frechet distance of each class
  kDiversity,       // within classes: mean feature distance, MS-SSIM
  kNeighbours,      // share of near-copies of reference images
  kBitsPerDim,      // of test images, which needs no generated ones
};

/// A set of metrics.
class MetricSelection {
 public:
  MetricSelection() = default;
  MetricSelection(std::initializer_list<Metric> metrics);

  void add(Metric metric) { bits_ |= bit(metric); }
  void remove(Metric metric) { bits_ &= ~bit(metric); }
  bool has(Metric metric) const { return (bits_ & bit(metric)) != 0; }
  bool any() const { return bits_ != 0; }

  /// Whether any of them looks at generated images.
  bool needs_images() const;
  /// Whether any of them compares with a reference.
  bool needs_reference() const;
  /// Whether any of them looks at single images of the reference.
  bool needs_reference_features() const;
  /// Whether any of them looks at the features of single generated images.
  bool needs_features() const;
  /// Whether any of them looks at the logits of single generated images.
  bool needs_logits() const;
  /// Whether any of them compares class by class.
  bool needs_classes() const;

  /// Their words with commas: "fid,kid".
  std::string words() const;

  bool operator==(const MetricSelection&) const = default;

 private:
  static uint32_t bit(Metric metric) { return uint32_t{1} << static_cast<unsigned>(metric); }

  uint32_t bits_ = 0;
};

/// Which metrics are computed, and how.
struct EvaluationOptions {
  MetricSelection metrics = {};
  int64_t nearest = 3;  // the k of precision, recall, density and coverage
  int64_t kid_subsets = 100;
  int64_t kid_subset_size = 1000;  // fewer if a side has fewer images, which is told
  int64_t splits = 10;             // of the Inception score
  uint64_t seed = 0;               // of subsets and pairs
};

/// A set of images, as far as it is known before any of them is looked at.
struct ImageSet {
  std::string name = {};
  int64_t images = 0;                // 0: statistics alone
  std::vector<int64_t> labels = {};  // one an image; empty: no classes
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

struct MetricInputs;

/// What a metric looks at.
struct MetricNeeds {
  bool images = true;               // generated, or given ones
  bool reference = false;           // statistics at least
  bool reference_features = false;  // of its single images
  bool features = false;            // of single generated images
  bool logits = false;              // likewise
  bool classes = false;             // of images on both sides, under the same names
};

/// One row of the table of metrics: all that the program knows about one.
struct MetricRow {
  Metric metric;
  std::string_view word;  // that asks for it: "fid"
  std::string_view help;  // one sentence
  MetricNeeds needs;
  /// Says what `compute` would refuse, "" if nothing; null if nothing ever is.
  std::string (*obstacle)(const EvaluationOptions& options, const ImageSet& scored,
                          const ImageSet& reference);
  /// Tells the options that its numbers depend on, for keys; null if there are none.
  std::string (*options)(const EvaluationOptions& options);
  /// Computes its numbers; null if they do not come from features.
  std::vector<MetricValue> (*compute)(const MetricInputs& inputs);
};

/// The table of metrics, in the order of `Metric`.
std::span<const MetricRow> metric_table();

/// What the numbers of the selected metrics depend on besides images and network: a text for keys.
std::string identity_of(const EvaluationOptions& options);

/// A metric that cannot be had of some images.
struct Obstacle {
  Metric metric;
  std::string reason;  // "WHAT: expected ..., got ..."
};

/// Finds what `evaluate` would refuse of the selected metrics before hours go into drawing: too few
/// images, too few of a class, no classes, a reference of statistics alone.
std::vector<Obstacle> find_obstacles(const EvaluationOptions& options, const ImageSet& scored,
                                     const ImageSet& reference);

}  // namespace ddpm
