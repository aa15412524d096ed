#include "ddpm/train/run_start.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/error.h"

namespace ddpm {

TrainingState initial_state(const Config& config, const TrainingData& data, torch::Device device,
                            const std::filesystem::path& checkpoint) {
  TrainingState state;
  if (!checkpoint.empty()) state = load_training_state(checkpoint);
  if (config.train.steps && config.train.steps != state.total_steps) {
    // The decay is that of a run of so many steps, not what is left of one that a time budget
    // ended.
    state.total_steps = config.train.steps;
    state.decay_start = 0;
    state.decay_done = 0.0;
  }
  if (!checkpoint.empty() && state.dataset_images != data.size()) {
    throw DataError(data.where(), ": the run was trained on ", state.dataset_images,
                    " images, got ", data.size());
  }
  state.dataset_images = data.size();
  state.dataset_fingerprint = data.fingerprint();
  state.threads = at::get_num_threads();
  state.device = device.str();
  return state;
}

TrainingModel initial_model(const Config& config, torch::Device device,
                            const std::filesystem::path& checkpoint, const StartingWeights& start) {
  auto model = make_training_model(config, device);
  if (checkpoint.empty() && !start.weights.empty()) model.begin_with(start.weights, start.origin);
  if (!checkpoint.empty()) model.load(load_training_tensors(checkpoint), checkpoint.string());
  return model;
}

}  // namespace ddpm
