#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/app/eval_plan.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// Images that were opened, their classes numbered as asked.
struct OpenedImages {
  std::shared_ptr<ImageSource> images;
  std::string unknown_class;  // that has no number among those asked for; "" if there is none
};

/// What is known of the images that the plan draws, before any is drawn.
SourceInfo generated_info(const EvalPlan& plan);

/// The images that the plan draws, in this precision.
std::shared_ptr<ImageSource> generated_images(const EvalPlan& plan, Precision precision);

/// Class names by which both sides of a comparison are numbered; empty where no metric compares
/// classes, or nobody knows names.
std::vector<std::string> class_names_to_compare(const EvalPlan& plan);

/// The given images.
OpenedImages open_files(const EvalPlan& plan, const std::vector<std::string>& names);

/// The images of the reference.
OpenedImages open_reference_images(const EvalPlan& plan, const std::vector<std::string>& names);

/// `count` held-out images of the plan's data (`open_held_out`); null if there are none.
std::shared_ptr<ImageSource> open_floor_images(const EvalPlan& plan, int64_t count);

/// The images whose bits are measured: held-out images, else, with a warning, training images.
OpenedImages open_bits_images(const EvalPlan& plan);

/// All that the numbers of these images depend on.
nlohmann::ordered_json describe_images(const EvalPlan& plan, const ImageSource& source,
                                       Precision precision);

}  // namespace ddpm
