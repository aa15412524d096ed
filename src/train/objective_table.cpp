#include "ddpm/train/objective_table.h"

#include <algorithm>
#include <iterator>

#include "ddpm/train/objectives/classification.h"
#include "ddpm/train/objectives/denoising.h"

namespace ddpm {
namespace {

template <typename T>
std::unique_ptr<Objective> make(const Config& config, torch::Device device) {
  return std::make_unique<T>(config, device);
}

constexpr ObjectiveKind kObjectives[] = {
    {.task = Task::kDenoiser,
     .make = make<Denoising>,
     .draws_images = true,
     .answers_classes = false},
    {.task = Task::kClassifier,
     .make = make<Classification>,
     .draws_images = false,
     .answers_classes = true},
};

}  // namespace

const ObjectiveKind& objective_kind(Task task) {
  const auto* const kind = std::ranges::find(kObjectives, task, &ObjectiveKind::task);
  TORCH_CHECK(kind != std::end(kObjectives), "a task without a row in the table of objectives");
  return *kind;
}

std::unique_ptr<Objective> make_objective(const Config& config, torch::Device device) {
  return objective_kind(config.train.task).make(config, device);
}

}  // namespace ddpm
