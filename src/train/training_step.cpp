#include "ddpm/train/training_step.h"

#include <torch/types.h>

#include "ddpm/util/random.h"

namespace ddpm {
namespace {

BatchOptions batch_options(const Config& config, torch::Device device, const Noising& noising) {
  return {.batch_size = config.train.batch_size / config.train.gradient_accumulation_steps,
          .flip = config.data.flip,
          .seed = static_cast<uint64_t>(config.train.seed),
          .workers = config.data.workers,
          .pin_memory = device.is_cuda(),
          .prepare = [&noising](Batch& batch, int64_t first) { noising.draw(batch, first); }};
}

bool checkpoints_gradients(const TrainConfig& config) {
  return config.gradient_checkpointing == GradientCheckpointing::kBlocks;
}

/// Dropout draws from torch's generator, which is set anew for every micro-batch.
void seed_dropout(uint64_t seed, int64_t micro_batch, torch::Device device) {
  const auto bits =
      random_bits({seed, RandomPurpose::kDropoutMask, static_cast<uint64_t>(micro_batch)});
  auto generator = at::globalContext().defaultGenerator(device);
  generator.set_current_seed(bits);
}

}  // namespace

TrainingStep::TrainingStep(const Config& config, const Dataset& dataset, TrainingModel& model,
                           torch::Device device, int64_t first_step, const GraphFactory& graphs)
    : config_(config.train),
      model_(model),
      device_(device),
      noising_(config.diffusion, config.model, config.train.label_dropout,
               static_cast<uint64_t>(config.train.seed)),
      batches_(dataset, batch_options(config, device, noising_),
               first_step * config.train.gradient_accumulation_steps),
      pass_(config.train, model, checkpoints_gradients(config.train) ? GraphFactory() : graphs) {
  model_.unet()->enable_gradient_checkpointing(checkpoints_gradients(config_));
}

torch::Tensor TrainingStep::accumulate_gradients(int64_t micro_batch) {
  const auto batch = noising_.apply(batches_.next(), device_);
  seed_dropout(static_cast<uint64_t>(config_.seed), micro_batch, device_);
  return pass_.run(batch, micro_batch % config_.gradient_accumulation_steps == 0);
}

StepResult TrainingStep::run(int64_t step, double learning_rate) {
  const int64_t parts = config_.gradient_accumulation_steps;
  model_.unet()->train();
  auto loss = accumulate_gradients(step * parts);
  for (int64_t part = 1; part < parts; ++part)
    loss = loss + accumulate_gradients(step * parts + part);
  return {.loss = loss, .grad_norm = model_.update(config_, step, learning_rate)};
}

}  // namespace ddpm
