#include "ddpm/eval/obstacles.h"

#include <algorithm>
#include <map>

#include "ddpm/eval/fid_infinity.h"

namespace ddpm {
namespace {

using Counts = std::map<int64_t, int64_t>;

Counts count_classes(const std::vector<int64_t>& labels) {
  Counts counts;
  for (const int64_t label : labels)
    ++counts[label];
  return counts;
}

/// "" if there are enough of them.
std::string too_few(const ImageSet& set, int64_t least) {
  if (set.images >= least) return "";
  return set.name + ": expected at least " + std::to_string(least) + " images, got " +
         std::to_string(set.images);
}

std::string statistics_only(const ImageSet& reference) {
  if (reference.images > 0) return "";
  return reference.name + ": holds statistics only, which do for --fid and --fid-infinity alone";
}

std::string no_classes(const ImageSet& set) {
  return set.labels.empty() ? set.name + ": expected images with classes, got none" : "";
}

/// Of every class of `scored` in `set`.
std::string fewer_than_two(const ImageSet& set, const Counts& scored) {
  const auto counts = count_classes(set.labels);
  for (const auto& [label, images] : scored) {
    const auto found = counts.find(label);
    const int64_t count = found == counts.end() ? 0 : found->second;
    if (count < 2)
      return set.name + ": class " + std::to_string(label) + ": expected at least 2 images, got " +
             std::to_string(count);
  }
  return "";
}

/// The first reason of some, or "".
std::string first_of(const std::vector<std::string>& reasons) {
  const auto found =
      std::ranges::find_if(reasons, [](const std::string& reason) { return !reason.empty(); });
  return found == reasons.end() ? "" : *found;
}

}  // namespace

std::vector<Obstacle> find_obstacles(const EvaluationOptions& options, const ImageSet& scored,
                                     const ImageSet& reference) {
  const auto classes = count_classes(scored.labels);
  const auto both = [&](int64_t least) {
    return first_of(
        {too_few(scored, least), statistics_only(reference), too_few(reference, least)});
  };
  const auto within_classes = [&](const std::string& needs_of_reference) {
    return first_of({no_classes(scored), statistics_only(reference), needs_of_reference,
                     fewer_than_two(scored, classes)});
  };
  const Obstacle all[] = {
      {&MetricSelection::frechet, too_few(scored, 2)},
      {&MetricSelection::frechet_infinity, too_few(scored, 2 * FidInfinityOptions().sizes - 1)},
      {&MetricSelection::kernel, both(2)},
      {&MetricSelection::inception_score, too_few(scored, options.splits)},
      {&MetricSelection::manifold, both(options.nearest + 1)},
      {&MetricSelection::class_agreement, no_classes(scored)},
      {&MetricSelection::per_class,
       within_classes(first_of({no_classes(reference), fewer_than_two(reference, classes)}))},
      {&MetricSelection::diversity, within_classes("")},
      {&MetricSelection::neighbours, both(2)},
  };
  std::vector<Obstacle> found;
  for (const auto& obstacle : all)
    if (options.metrics.*obstacle.metric && !obstacle.reason.empty()) found.push_back(obstacle);
  return found;
}

}  // namespace ddpm
