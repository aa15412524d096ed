#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/cli/eval_job.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// What the images that the job's model draws will be.
SourceInfo generated_info(const EvalJob& job);

/// The images that the job's model draws in this precision.
std::shared_ptr<ImageSource> generated_images(const EvalJob& job, const EvalFlags& flags,
                                              Precision precision);

/// The names that classes of images must have, in this order, for the metrics to compare them:
/// those of the model that draws, of a given classifier, or of the data. Empty if they have numbers
/// only, or no metric asks.
std::vector<std::string> class_names_to_compare(const EvalJob& job, const EvalFlags& flags,
                                                const MetricSelection& metrics);

/// Images whose classes are numbered as was asked.
struct OpenedImages {
  std::shared_ptr<ImageSource> images;
  std::string strange_class;  // one that has no such number: all are then numbered as they come
};

/// The images of `--images`.
OpenedImages open_files(const EvalJob& job, const EvalFlags& flags,
                        const std::vector<std::string>& names);

/// The images of `--reference`, as the job's model was trained on them.
OpenedImages open_reference_images(const EvalJob& job, const EvalFlags& flags,
                                   const std::vector<std::string>& names);

/// `count` test images of the job's data; null if there are none.
std::shared_ptr<ImageSource> open_floor_images(const EvalJob& job, int64_t count);

/// The test images that bits per dimension are of, `count` at most, with the model's classes;
/// training images, with a warning, where there is no test split.
OpenedImages open_bits_images(const EvalJob& job, int64_t count);

/// What `--json` says of the scored images: where they come from, how they were drawn, how many.
nlohmann::ordered_json describe_images(const EvalJob& job, const EvalFlags& flags,
                                       const ImageSource& source, Precision precision);

}  // namespace ddpm
