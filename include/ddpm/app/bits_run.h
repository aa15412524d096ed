#pragma once

#include <string>

#include "ddpm/app/eval_plan.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// Says why the model can tell no bits of these images; "" if it can.
std::string bits_obstacle(const ModelFolder& pipeline, const SourceInfo& images);

/// Measures the bits per dimension of the images under the plan's model, with their terms.
/// `StopRequested` keeps what is done so far.
MetricValue measure_bits(const EvalPlan& plan, ImageSource& images);

}  // namespace ddpm
