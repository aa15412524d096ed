#pragma once

#include <memory>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/train/objective.h"

namespace ddpm {

/// What the program knows of an objective beside the objective itself: a row of the table.
struct ObjectiveKind {
  Task task;
  /// `config` must be complete (`complete_config`).
  std::unique_ptr<Objective> (*make)(const Config& config, torch::Device device);
  /// The network draws images: there are sample grids, and evaluations of them.
  bool draws_images;
  /// Classes are what the network answers, so that the data must have some. Else they are what it
  /// is told, if `model.class_conditional`.
  bool answers_classes;
};

/// The row of `train.task`.
const ObjectiveKind& objective_kind(Task task);

/// The objective that `config` trains for, on `device`. `config` must be complete
/// (`complete_config`).
std::unique_ptr<Objective> make_objective(const Config& config, torch::Device device);

}  // namespace ddpm
