#include "ddpm/app/training_evaluation.h"

#include <memory>
#include <string>

#include <torch/types.h>

#include "ddpm/app/feature_choice.h"
#include "ddpm/eval/cache.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/image_source.h"
#include "ddpm/eval/reference.h"
#include "ddpm/model/signature.h"
#include "ddpm/sample/generator.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace {

constexpr int64_t kBatch = 100;

/// What all evaluations of a run share.
struct Shared {
  std::unique_ptr<FeatureNetwork> network;
  Reference reference;
  EvaluationOptions options;
  SourceInfo images;
  std::vector<int64_t> labels;
};

/// A pointer to what belongs to someone else.
template <typename T>
std::shared_ptr<T> borrowed(T& object) {
  return {std::shared_ptr<void>(), &object};
}

std::optional<Scores> score_with(const Shared& shared, Generator& generator) {
  GeneratedImages images(borrowed(generator), shared.images, /*seed=*/0, shared.labels,
                         /*identity=*/"");
  PassOptions pass;
  pass.batch_size = kBatch;
  pass.keep = keep_for(shared.options, shared.labels);
  try {
    const auto measured = measure_features(images, *shared.network, pass);
    Scores scores;
    for (const auto& metric :
         evaluate(measured, shared.reference, *shared.network, {}, shared.options))
      scores.emplace_back(metric.key, metric.value);
    return scores;
  } catch (const StopRequested&) {
    return std::nullopt;
  } catch (const DivergedError& error) {  // training itself says when it has diverged
    log_warning(std::string("evaluation: ") + error.what());
    return Scores();
  }
}

}  // namespace

Evaluate make_training_evaluation(const Config& config, const Dataset& dataset,
                                  torch::Device device) {
  warn_without_cache();
  auto shared = std::make_shared<Shared>();
  shared->network = choose_features("", "tf1", config.data, device);
  DatasetImages source(borrowed(dataset), dataset.info().name + " " + config.data.split);
  shared->reference.name = source.info().name;
  shared->reference.measured =
      measure_cached(source, *shared->network, /*with_features=*/true, kBatch);
  shared->options.metrics = {Metric::kFrechet, Metric::kKernel};
  shared->images = source.info();
  shared->images.name = "evaluation";
  shared->images.images = config.train.eval_images;
  shared->labels = cycle_labels(config.signature, {}, config.train.eval_images);
  return [shared](Generator& generator) { return score_with(*shared, generator); };
}

}  // namespace ddpm
