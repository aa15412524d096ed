#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/cli/eval_job.h"
#include "ddpm/data/image.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/image_source.h"
#include "ddpm/eval/reference.h"

namespace ddpm {

/// Feature networks, reference and bounds: what several evaluations can share.
struct EvalContext {
  std::shared_ptr<ImageSource> files;  // of `--images`; null if each job draws its own
  std::unique_ptr<FeatureNetwork> network;
  std::unique_ptr<FeatureNetwork> judge;  // for class agreement, if `network` knows other classes
  Reference reference;                    // empty if no metric compares with one
  DistanceBounds bounds;
};

/// Opens and measures what `job` compares with; empty if it asks for bits per dimension alone.
/// `StopRequested` keeps what is done so far.
EvalContext make_eval_context(const EvalJob& job, const EvalFlags& flags);

/// The numbers of one model or set of images, and all that they depend on.
struct EvalResult {
  std::vector<MetricValue> metrics;
  nlohmann::ordered_json settings;  // `images`, `reference`, `features`, ...
  /// Generated images above the reference images nearest to them, the closest pair first.
  std::optional<Image> closest_pairs;
};

/// Makes or reads the images and computes the metrics. `StopRequested` keeps what is done so far.
EvalResult run_evaluation(const EvalJob& job, const EvalFlags& flags, const EvalContext& context);

}  // namespace ddpm
