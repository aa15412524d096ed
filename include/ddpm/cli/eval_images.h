#pragma once

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/cli/eval_job.h"
#include "ddpm/eval/image_source.h"
#include "ddpm/eval/reference.h"

namespace ddpm {

/// What the images that the job's model draws will be.
SourceInfo generated_info(const EvalJob& job);

/// The images that the job's model draws in this precision.
std::shared_ptr<ImageSource> generated_images(const EvalJob& job, const EvalFlags& flags,
                                              Precision precision);

/// The images of `--images`. Classes that have names are numbered as those of the classifier that
/// judges them, of the data, or of the reference.
struct ScoredFiles {
  std::shared_ptr<ImageSource> images;
  std::string strange_class;  // one that is none of those, so that numbers mean other things
};
ScoredFiles open_files(const EvalJob& job, const EvalFlags& flags, const Reference& reference);

/// The images that they are compared with, as the job's model was trained on; null if
/// `--reference` is a file of statistics alone.
std::shared_ptr<ImageSource> open_reference_images(const EvalJob& job, const EvalFlags& flags);

/// What `--json` says of the scored images: where they come from, how they were drawn, how many.
nlohmann::ordered_json describe_images(const EvalJob& job, const EvalFlags& flags,
                                       const ImageSource& source, Precision precision);

/// A split of the job's data, of which `count` images at most are taken. `DataError` if there is no
/// such split.
std::shared_ptr<ImageSource> open_split(const EvalJob& job, const std::string& split,
                                        int64_t count = INT64_MAX);

/// The test split, or null if the data has none.
std::shared_ptr<ImageSource> find_test_split(const EvalJob& job, int64_t count = INT64_MAX);

}  // namespace ddpm
