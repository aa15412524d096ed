#pragma once

#include <cstdint>

#include <torch/types.h>

#include "ddpm/data/batch_stream.h"
#include "ddpm/train/objective.h"

namespace ddpm {

/// These images [N, C, H, W], all of class 0.
inline Batch batch_of(const torch::Tensor& images) {
  return {.x = images, .labels = torch::zeros({images.size(0)}, torch::kInt64)};
}

/// Random grey 8x8 images of class 0.
inline Batch batch_of(int64_t count) {
  return batch_of(torch::rand({count, 1, 8, 8}) * 2 - 1);
}

/// What an objective makes of a batch at a place of the sequence of training images.
inline StepInputs inputs_of(const Objective& objective, Batch batch, int64_t first_place) {
  objective.draw(batch, first_place);
  return objective.prepare(batch);
}

}  // namespace ddpm
