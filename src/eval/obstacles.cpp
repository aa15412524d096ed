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
  return reference.name + ": holds statistics only, which do for `fid` and `fid_infinity` alone";
}

std::string no_classes(const ImageSet& set) {
  return set.labels.empty() ? set.name + ": expected images with classes, got none" : "";
}

/// Says which class of `scored` has fewer than two images in `set`; "" if none.
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

std::string too_few_of_either(const ImageSet& scored, const ImageSet& reference, int64_t least) {
  return first_of({too_few(scored, least), statistics_only(reference), too_few(reference, least)});
}

std::string within_classes(const ImageSet& scored, const ImageSet& reference,
                           const std::string& of_reference) {
  return first_of({no_classes(scored), statistics_only(reference), of_reference,
                   fewer_than_two(scored, count_classes(scored.labels))});
}

}  // namespace

std::string frechet_obstacle(const EvaluationOptions&, const ImageSet& scored, const ImageSet&) {
  return too_few(scored, 2);
}

std::string infinity_obstacle(const EvaluationOptions&, const ImageSet& scored, const ImageSet&) {
  return too_few(scored, 2 * FidInfinityOptions().sizes - 1);
}

std::string splits_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                            const ImageSet&) {
  return too_few(scored, options.splits);
}

std::string pairs_obstacle(const EvaluationOptions&, const ImageSet& scored,
                           const ImageSet& reference) {
  return too_few_of_either(scored, reference, 2);
}

std::string nearest_obstacle(const EvaluationOptions& options, const ImageSet& scored,
                             const ImageSet& reference) {
  return too_few_of_either(scored, reference, options.nearest + 1);
}

std::string classes_obstacle(const EvaluationOptions&, const ImageSet& scored, const ImageSet&) {
  return no_classes(scored);
}

std::string per_class_obstacle(const EvaluationOptions&, const ImageSet& scored,
                               const ImageSet& reference) {
  return within_classes(
      scored, reference,
      first_of({no_classes(reference), fewer_than_two(reference, count_classes(scored.labels))}));
}

std::string diversity_obstacle(const EvaluationOptions&, const ImageSet& scored,
                               const ImageSet& reference) {
  return within_classes(scored, reference, "");
}

}  // namespace ddpm
