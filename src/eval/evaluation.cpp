#include "ddpm/eval/evaluation.h"

#include <algorithm>
#include <iterator>

#include <torch/types.h>

#include "ddpm/eval/class_scores.h"
#include "ddpm/eval/metric_values.h"

namespace ddpm {

using Json = nlohmann::ordered_json;

Keep keep_for(const EvaluationOptions& options, const std::vector<int64_t>& labels) {
  const auto& metrics = options.metrics;
  Keep keep{.features = metrics.needs_features(), .logits = metrics.needs_logits()};
  if (metrics.has(Metric::kDiversity))
    keep.images =
        ms_ssim_images(torch::tensor(labels, torch::kInt64), PairOptions{.seed = options.seed});
  return keep;
}

std::string metric_title(const std::string& usual, const std::string& plain,
                         const FeatureNetwork& network) {
  if (network.name() == "inception") return usual;
  return plain + " (" + network.name() + ", " + std::to_string(network.dimensions()) + "-d, " +
         network.hash().substr(0, 8) + ")";
}

std::vector<MetricValue> evaluate(const ImageFeatures& generated, const Reference& reference,
                                  const FeatureNetwork& network, const DistanceBounds& bounds,
                                  const EvaluationOptions& options) {
  const MetricInputs inputs{generated, reference, network, bounds, options};
  std::vector<MetricValue> values;
  for (const auto& row : metric_table()) {
    if (!options.metrics.has(row.metric) || row.compute == nullptr) continue;
    auto more = row.compute(inputs);
    std::ranges::move(more, std::back_inserter(values));
  }
  return values;
}

Json to_json(const MetricValue& metric) {
  Json object{{"value", metric.value}};
  if (metric.deviation) object["std"] = *metric.deviation;
  object["name"] = metric.title;
  for (const auto& [key, value] : metric.details.items())
    object[key] = value;
  if (!metric.warning.empty()) object["warning"] = metric.warning;
  return object;
}

}  // namespace ddpm
