#pragma once

#include <memory>

#include <nlohmann/json.hpp>

#include "ddpm/cli/eval_job.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// The images that are scored: drawn from the job's model, a split of its data, or files.
std::shared_ptr<ImageSource> open_scored_images(const EvalJob& job, const EvalFlags& flags);

/// The images that they are compared with; null if `--reference` is a file of statistics.
std::shared_ptr<ImageSource> open_reference_images(const EvalJob& job, const EvalFlags& flags);

/// What `--json` says of the scored images: where they come from, how they were drawn, how many.
nlohmann::ordered_json describe_images(const EvalJob& job, const EvalFlags& flags,
                                       const ImageSource& source);

/// A split of the job's data, of which `count` images at most are taken. `DataError` if there is no
/// such split.
std::shared_ptr<ImageSource> open_split(const EvalJob& job, const std::string& split,
                                        int64_t count = INT64_MAX);

/// The test split, or null if the data has none.
std::shared_ptr<ImageSource> find_test_split(const EvalJob& job, int64_t count = INT64_MAX);

}  // namespace ddpm
