#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/cli/eval_context.h"
#include "ddpm/cli/eval_job.h"
#include "ddpm/data/image.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/sample/output.h"

namespace ddpm {

/// The numbers of one model or set of images, and all that they depend on.
struct EvalResult {
  std::vector<MetricValue> metrics;
  nlohmann::ordered_json settings;  // `images`, `reference`, `features`, ...
  /// Generated images above the reference images nearest to them, the closest pair first.
  std::optional<Image> closest_pairs;
  /// Files from which the same evaluation would go on, for as long as the numbers are not out.
  std::vector<std::filesystem::path> partials;
  /// To finish once they are: a full disk must not cost a person the numbers. Null if images are
  /// not to be written.
  std::shared_ptr<OutputWriter> images;
};

/// Makes or reads the images and computes the metrics. `StopRequested` keeps what is done so far:
/// images that are to be written, else what the same evaluation goes on from.
EvalResult run_evaluation(const EvalJob& job, const EvalFlags& flags, const EvalContext& context);

/// Removes the partial files of a result that a person has seen.
void forget_partials(const EvalResult& result);

}  // namespace ddpm
