#include "ddpm/eval/metrics.h"

#include <algorithm>
#include <array>

#include "ddpm/eval/metric_values.h"
#include "ddpm/eval/obstacles.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

std::string seed_text(const EvaluationOptions& options) {
  return std::to_string(options.seed);
}

std::string kernel_text(const EvaluationOptions& options) {
  return std::to_string(options.kid_subsets) + " " + std::to_string(options.kid_subset_size) + " " +
         seed_text(options);
}

std::string score_text(const EvaluationOptions& options) {
  return std::to_string(options.splits) + " " + seed_text(options);
}

std::string nearest_text(const EvaluationOptions& options) {
  return std::to_string(options.nearest);
}

constexpr MetricNeeds kToStatistics{.reference = true};
constexpr MetricNeeds kToFeatures{.reference = true, .reference_features = true, .features = true};
constexpr MetricNeeds kByClass{
    .reference = true, .reference_features = true, .features = true, .classes = true};

constexpr std::array kTable{
    MetricRow{Metric::kFrechet, "fid", "Frechet distance: FID, or FD in a classifier's features.",
              kToStatistics, frechet_obstacle, nullptr, frechet_values},
    MetricRow{Metric::kFrechetInfinity,
              "fid-infinity",
              "Frechet distance extrapolated to endless images.",
              {.reference = true, .features = true},
              infinity_obstacle,
              seed_text,
              infinity_values},
    MetricRow{Metric::kKernel, "kid", "Kernel distance, mean and deviation over subsets.",
              kToFeatures, pairs_obstacle, kernel_text, kernel_values},
    MetricRow{Metric::kInceptionScore,
              "is",
              "Inception score.",
              {.logits = true},
              splits_obstacle,
              score_text,
              inception_score_values},
    MetricRow{Metric::kManifold, "pr", "Precision, recall, density and coverage.", kToFeatures,
              nearest_obstacle, nearest_text, manifold_values},
    MetricRow{Metric::kClassAgreement,
              "class-agreement",
              "Share of images that a classifier gives their class.",
              {.logits = true, .classes = true},
              classes_obstacle,
              nullptr,
              agreement_values},
    MetricRow{Metric::kPerClass, "per-class", "Frechet distance of each class.", kByClass,
              per_class_obstacle, nullptr, per_class_values},
    MetricRow{Metric::kDiversity, "diversity", "Within classes: distance of features, MS-SSIM.",
              kByClass, diversity_obstacle, seed_text, diversity_values},
    MetricRow{Metric::kNeighbours, "neighbours",
              "Share of near-copies of the reference, and their picture.", kToFeatures,
              pairs_obstacle, nullptr, neighbour_values},
    MetricRow{Metric::kBitsPerDim,
              "bpd",
              "Bits per dimension of test images.",
              {.images = false},
              nullptr,
              nullptr,
              nullptr},
};

bool any_needs(const MetricSelection& selection, bool MetricNeeds::*need) {
  return std::ranges::any_of(
      kTable, [&](const MetricRow& row) { return selection.has(row.metric) && row.needs.*need; });
}

}  // namespace

MetricSelection::MetricSelection(std::initializer_list<Metric> metrics) {
  for (const auto metric : metrics)
    add(metric);
}

bool MetricSelection::needs_images() const {
  return any_needs(*this, &MetricNeeds::images);
}

bool MetricSelection::needs_reference() const {
  return any_needs(*this, &MetricNeeds::reference);
}

bool MetricSelection::needs_reference_features() const {
  return any_needs(*this, &MetricNeeds::reference_features);
}

bool MetricSelection::needs_features() const {
  return any_needs(*this, &MetricNeeds::features);
}

bool MetricSelection::needs_logits() const {
  return any_needs(*this, &MetricNeeds::logits);
}

bool MetricSelection::needs_classes() const {
  return any_needs(*this, &MetricNeeds::classes);
}

std::string MetricSelection::words() const {
  std::vector<std::string> words;
  for (const auto& row : kTable)
    if (has(row.metric)) words.emplace_back(row.word);
  return join(words, ",");
}

std::span<const MetricRow> metric_table() {
  return kTable;
}

std::string identity_of(const EvaluationOptions& options) {
  std::string text;
  for (const auto& row : kTable) {
    if (!options.metrics.has(row.metric)) continue;
    text += std::string(row.word) + " " + (row.options ? row.options(options) : "") + "\n";
  }
  return text;
}

std::vector<Obstacle> find_obstacles(const EvaluationOptions& options, const ImageSet& scored,
                                     const ImageSet& reference) {
  std::vector<Obstacle> found;
  for (const auto& row : kTable) {
    if (!options.metrics.has(row.metric) || row.obstacle == nullptr) continue;
    auto reason = row.obstacle(options, scored, reference);
    if (!reason.empty()) found.push_back({row.metric, std::move(reason)});
  }
  return found;
}

}  // namespace ddpm
