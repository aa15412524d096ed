#pragma once

#include "ddpm/cli/eval_job.h"
#include "ddpm/eval/evaluation.h"

namespace ddpm {

/// Bits per dimension of test images under the job's model, with their terms. Training images stand
/// in, with a warning, where there is no test split. `StopRequested` keeps what is done so far.
MetricValue measure_bits(const EvalJob& job, const EvalFlags& flags);

}  // namespace ddpm
