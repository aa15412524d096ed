#pragma once

#include "ddpm/app/eval_context.h"
#include "ddpm/app/eval_plan.h"

namespace ddpm {

/// Makes or reads the images and computes the metrics. `StopRequested` keeps what is done so far:
/// images that are to be written, else what the same evaluation goes on from.
EvalResult run_evaluation(const EvalPlan& plan, const EvalContext& context);

/// Removes the partial files of a result that a person has seen.
void forget_partials(const EvalResult& result);

}  // namespace ddpm
