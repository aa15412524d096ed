#pragma once

#include <memory>
#include <string>

#include "ddpm/app/eval_plan.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/image_source.h"
#include "ddpm/eval/reference.h"

namespace ddpm {

/// Feature networks, reference and bounds: what evaluations of models of the same data can share.
struct EvalContext {
  MetricSelection metrics;                    // the plan's, without what cannot be had
  Precision precision = Precision::kFloat32;  // that images are drawn in
  std::shared_ptr<ImageSource> files;         // of `--images`; null if each job draws its own
  std::shared_ptr<ImageSource> bits_images;   // of bits per dimension; null if nobody asks for them
  std::unique_ptr<FeatureNetwork> network;    // null if no metric looks at images
  std::unique_ptr<FeatureNetwork>
      classifier;       // of class agreement, if `network` knows other classes
  Reference reference;  // empty if no metric compares with one
  DistanceBounds bounds;
  std::string identity;  // two contexts share it only if a model gets the same numbers in both
};

/// Opens and measures what the plan compares with. Whatever makes a metric impossible is a
/// `UserError` now, before images are drawn; with `spare_metrics` such a metric falls away, which
/// is told. `StopRequested` keeps what is done so far.
EvalContext make_eval_context(const EvalPlan& plan);

/// A text that two plans of one request share if a context that was made for one does for the
/// other.
std::string context_key(const EvalPlan& plan);

/// Writes the reference's statistics where the plan wants them, if it does.
void save_reference(const EvalContext& context, const EvalPlan& plan);

}  // namespace ddpm
