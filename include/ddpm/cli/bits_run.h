#pragma once

#include <memory>
#include <string>

#include "ddpm/checkpoint/pipeline_folder.h"
#include "ddpm/cli/eval_job.h"
#include "ddpm/eval/evaluation.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// The test images that bits per dimension are of, `count` at most; training images, with a
/// warning, where there is no test split.
std::shared_ptr<ImageSource> open_bits_images(const EvalJob& job, int64_t count);

/// Why the model can tell no bits of these images; "" if it can.
std::string bits_obstacle(const PipelineFolder& pipeline, const SourceInfo& images);

/// Bits per dimension of the images under the job's model, with their terms. `StopRequested` keeps
/// what is done so far.
MetricValue measure_bits(const EvalJob& job, const EvalFlags& flags, ImageSource& images);

}  // namespace ddpm
