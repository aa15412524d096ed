#pragma once

#include <string>

#include "ddpm/checkpoint/pipeline_folder.h"
#include "ddpm/cli/eval_job.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// Why the model can tell no bits of these images; "" if it can.
std::string bits_obstacle(const PipelineFolder& pipeline, const SourceInfo& images);

/// Bits per dimension of the images under the job's model, with their terms. `StopRequested` keeps
/// what is done so far.
MetricValue measure_bits(const EvalJob& job, const EvalFlags& flags, ImageSource& images);

}  // namespace ddpm
