#include "ddpm/eval/metric_values.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <torch/types.h>

#include "ddpm/eval/class_scores.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/fid_infinity.h"
#include "ddpm/eval/frechet.h"
#include "ddpm/eval/inception_score.h"
#include "ddpm/eval/kernel_distance.h"
#include "ddpm/eval/manifold.h"
#include "ddpm/eval/ms_ssim.h"
#include "ddpm/eval/neighbours.h"
#include "ddpm/eval/subsets.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Json = nlohmann::ordered_json;

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

bool is_inception(const FeatureNetwork& network) {
  return network.name() == "inception";
}

Json scores_json(const std::vector<ClassScore>& scores,
                 const std::vector<std::string>& class_names) {
  Json classes = Json::object();
  for (const auto& score : scores) {
    const auto label = static_cast<size_t>(score.label);
    classes[label < class_names.size() ? class_names[label] : std::to_string(label)] = score.value;
  }
  return classes;
}

PairOptions pair_options(const EvaluationOptions& options) {
  return {.seed = options.seed};
}

/// Computes the metrics of one evaluation.
class Values {
 public:
  explicit Values(const MetricInputs& inputs)
      : generated_(inputs.generated),
        reference_(inputs.reference),
        network_(inputs.network),
        options_(inputs.options) {}

  MetricValue frechet(const DistanceBounds& bounds) const {
    MetricValue metric = named("fid", "fd", "FID", "FD");
    const FrechetDistance distance(reference_.measured.statistics);
    metric.value = distance.to(generated_.statistics);
    std::vector<std::string> notes;
    if (bounds.floor) {
      metric.details["floor"] = *bounds.floor;
      metric.details["floor_of"] = bounds.floor_name;
      notes.push_back("real images " + rounded(*bounds.floor));
    }
    if (bounds.ceiling) {
      metric.details["ceiling"] = *bounds.ceiling;
      notes.push_back("noise " + rounded(*bounds.ceiling));
    }
    metric.note = join(notes);
    metric.warning = too_few();
    return metric;
  }

  MetricValue kernel() const {
    MetricValue metric = named("kid", "kid", "KID", "kernel distance");
    const KernelDistanceOptions kid{
        .subsets = options_.kid_subsets,
        .subset_size = std::min({options_.kid_subset_size, images(), features().size(0)}),
        .seed = options_.seed};
    const auto distance = kernel_distance(generated_.features, features(), kid);
    metric.value = distance.mean;
    metric.deviation = distance.deviation;
    metric.details["subsets"] = kid.subsets;
    metric.details["subset_size"] = kid.subset_size;
    if (kid.subset_size < options_.kid_subset_size) {
      metric.warning = "subsets of " + std::to_string(kid.subset_size) + " images, expected " +
                       std::to_string(options_.kid_subset_size);
    }
    return metric;
  }

  MetricValue score() const {
    MetricValue metric = named("is", "is", "IS", "class score");
    // Classes that come in turn would make every split alike, or unlike.
    const auto order = random_subset(options_.seed, 0, images(), images());
    const auto score =
        ddpm::inception_score(generated_.logits.index_select(0, order), options_.splits);
    metric.value = score.mean;
    metric.deviation = score.deviation;
    metric.details["splits"] = options_.splits;
    if (images() < 5000) metric.warning = "biased low for fewer than 5000 images";
    return metric;
  }

  std::vector<MetricValue> manifold() const {
    const auto scores = manifold_scores(generated_.features, features(), options_.nearest);
    std::vector<MetricValue> metrics;
    const auto add = [&](const std::string& word, double value) {
      MetricValue metric{.key = word, .title = plain_title(word), .value = value};
      metric.details["k"] = options_.nearest;
      metric.details["reference_images"] = features().size(0);
      metrics.push_back(std::move(metric));
    };
    add("precision", scores.precision);
    add("recall", scores.recall);
    add("density", scores.density);
    add("coverage", scores.coverage);
    return metrics;
  }

  MetricValue infinity() const {
    MetricValue metric =
        named("fid_infinity", "fd_infinity", "FID at N = infinity", "FD at N = infinity");
    FidInfinityOptions infinity;
    infinity.seed = options_.seed;
    const auto line = fid_infinity(generated_.features,
                                   FrechetDistance(reference_.measured.statistics), infinity);
    metric.value = line.value;
    metric.details["slope"] = line.slope;
    metric.details["correlation"] = line.correlation;
    metric.details["sizes"] = line.sizes;
    metric.details["distances"] = line.distances;
    metric.warning = std::abs(line.correlation) < 0.9 ? "no straight line over 1 / N" : too_few();
    return metric;
  }

  MetricValue agreement() const {
    const auto& logits = generated_.judged.defined() ? generated_.judged : generated_.logits;
    return {.key = "class_agreement",
            .title = "class agreement",
            .value = class_agreement(logits, labels())};
  }

  MetricValue per_class() const {
    MetricValue metric =
        named("per_class_fid", "per_class_fd", "FID of a class, mean", "FD of a class, mean");
    if (!reference_.measured.labels.defined()) fail("the reference has no classes");
    const auto scores = class_frechet_distances(generated_.features, labels(), features(),
                                                reference_.measured.labels);
    metric.value = mean_score(scores);
    metric.details["classes"] = scores_json(scores, class_names());
    int64_t fewest = images();
    for (const auto& score : scores)
      fewest = std::min({fewest, score.images, score.references});
    if (fewest < network_.sound_images()) {
      metric.warning = "biased high: a class has only " + std::to_string(fewest) +
                       " images, sound from " + std::to_string(network_.sound_images());
    }
    return metric;
  }

  std::vector<MetricValue> diversity() const {
    const auto ours = class_feature_distances(generated_.features, labels());
    MetricValue distance{.key = "diversity",
                         .title = plain_title("distance within a class"),
                         .value = mean_score(ours)};
    distance.details["classes"] = scores_json(ours, class_names());
    if (reference_.measured.labels.defined()) {
      const auto real = class_feature_distances(features(), reference_.measured.labels);
      distance.details["reference"] = mean_score(real);
      distance.note = "real images " + rounded(mean_score(real));
    }
    std::vector<MetricValue> metrics{std::move(distance)};
    const int64_t scales = ms_ssim_scales(generated_.images.size(2), generated_.images.size(3));
    if (scales > 0) metrics.push_back(likeness(scales));
    return metrics;
  }

  MetricValue copies() const {
    constexpr double kLimit = 1.0 / 3.0;
    const auto found = near_copies(generated_.features, features(), kLimit);
    MetricValue metric{
        .key = "near_copies", .title = plain_title("near-copies"), .value = found.share};
    metric.details["limit"] = kLimit;
    metric.details["median_ratio"] = found.ratio.median().item<double>();
    const auto order = found.ratio.argsort();
    Json closest = Json::array();
    for (int64_t i = 0; i < std::min<int64_t>(kClosest, images()); ++i) {
      const auto row = order[i].item<int64_t>();
      closest.push_back({{"image", row},
                         {"reference", found.nearest.index[row].item<int64_t>()},
                         {"distance", found.nearest.distance[row].item<double>()},
                         {"ratio", found.ratio[row].item<double>()}});
    }
    metric.details["closest"] = closest;
    metric.note = "median ratio " + rounded(metric.details["median_ratio"].get<double>());
    return metric;
  }

 private:
  static constexpr int64_t kClosest = 16;

  [[noreturn]] static void fail(const std::string& what) { throw DataError("eval: ", what); }

  int64_t images() const { return generated_.statistics.count; }
  const torch::Tensor& labels() const {
    if (!generated_.labels.defined()) fail("the images have no classes");
    return generated_.labels;
  }
  const torch::Tensor& features() const {
    if (!reference_.measured.features.defined())
      fail("the reference " + reference_.name +
           " holds statistics only; this metric needs its images");
    return reference_.measured.features;
  }
  std::vector<std::string> class_names() const {
    return reference_.source ? reference_.source->info().class_names : std::vector<std::string>();
  }

  /// Keys and titles in Inception's features and in others'.
  MetricValue named(const std::string& key, const std::string& plain_key, const std::string& usual,
                    const std::string& plain) const {
    return {.key = is_inception(network_) ? key : plain_key,
            .title = metric_title(usual, plain, network_)};
  }
  std::string plain_title(const std::string& word) const {
    return metric_title(word, word, network_);
  }

  /// A file of statistics may not say of how many images it is: 0.
  std::string too_few() const {
    const int64_t sound = network_.sound_images();
    const int64_t references = reference_.measured.statistics.count;
    std::vector<std::string> sides;
    if (images() < sound) sides.push_back(std::to_string(images()) + " images");
    if (references > 0 && references < sound)
      sides.push_back("a reference of " + std::to_string(references));
    if (sides.empty()) return "";
    return "biased high: " + join(sides, " and ") + ", sound from " + std::to_string(sound);
  }

  MetricValue likeness(int64_t scales) const {
    PairOptions pairs = pair_options(options_);
    pairs.scales = scales;
    const auto scores = class_ms_ssim(generated_.images, labels(), pairs);
    MetricValue metric{.key = "ms_ssim",
                       .title = "MS-SSIM within a class, " + std::to_string(scales) + " scales",
                       .value = mean_score(scores)};
    metric.details["scales"] = scales;
    metric.details["pairs"] = pairs.pairs;
    metric.details["classes"] = scores_json(scores, class_names());
    return metric;
  }

  const ImageFeatures& generated_;
  const Reference& reference_;
  const FeatureNetwork& network_;
  const EvaluationOptions& options_;
};

}  // namespace

std::vector<MetricValue> frechet_values(const MetricInputs& inputs) {
  return {Values(inputs).frechet(inputs.bounds)};
}

std::vector<MetricValue> infinity_values(const MetricInputs& inputs) {
  return {Values(inputs).infinity()};
}

std::vector<MetricValue> kernel_values(const MetricInputs& inputs) {
  return {Values(inputs).kernel()};
}

std::vector<MetricValue> inception_score_values(const MetricInputs& inputs) {
  return {Values(inputs).score()};
}

std::vector<MetricValue> manifold_values(const MetricInputs& inputs) {
  return Values(inputs).manifold();
}

std::vector<MetricValue> agreement_values(const MetricInputs& inputs) {
  return {Values(inputs).agreement()};
}

std::vector<MetricValue> per_class_values(const MetricInputs& inputs) {
  return {Values(inputs).per_class()};
}

std::vector<MetricValue> diversity_values(const MetricInputs& inputs) {
  return Values(inputs).diversity();
}

std::vector<MetricValue> neighbour_values(const MetricInputs& inputs) {
  return {Values(inputs).copies()};
}

}  // namespace ddpm
