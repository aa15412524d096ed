#include "ddpm/train/training_step.h"

#include <torch/types.h>

#include "ddpm/train/objective_table.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

/// Micro-batches of a step, those of all ranks.
int64_t parts_of(const TrainConfig& config, const Ranks& ranks) {
  return config.gradient_accumulation_steps * ranks.size();
}

BatchOptions batch_options(const Config& config, torch::Device device, const Ranks& ranks,
                           const Objective& objective) {
  TORCH_CHECK(config.train.batch_size % parts_of(config.train, ranks) == 0,
              "the ranks must have parts of the batch of one size");
  return {.batch_size = config.train.batch_size / parts_of(config.train, ranks),
          .stride = ranks.size(),
          .seed = static_cast<uint64_t>(config.train.seed),
          .workers = config.data.workers,
          .pin_memory = device.is_cuda(),
          .prepare = [&objective](Batch& batch, int64_t first) { objective.draw(batch, first); }};
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

TrainingStep::TrainingStep(const Config& config, const TrainingData& data, TrainingModel& model,
                           torch::Device device, const StepOptions& options)
    : config_(config.train),
      model_(model),
      device_(device),
      ranks_(options.ranks),
      objective_(make_objective(config, device)),
      batches_(data, batch_options(config, device, ranks_, *objective_),
               options.first_step * parts_of(config_, ranks_) + ranks_.rank()),
      pass_(*objective_, model, parts_of(config_, ranks_),
            checkpoints_gradients(config_) ? GraphFactory() : options.graphs) {
  model_.net()->enable_gradient_checkpointing(checkpoints_gradients(config_));
}

void TrainingStep::accumulate_gradients(int64_t micro_batch, bool first, StepResult& result) {
  const auto inputs = objective_->prepare(batches_.next());
  seed_dropout(static_cast<uint64_t>(config_.seed), micro_batch, device_);
  const auto loss = pass_.run(inputs, first);
  objective_->note(inputs, loss.each);
  const auto add = [&](torch::Tensor& sum, const torch::Tensor& value) {
    sum = first ? value : sum + value;
  };
  add(result.loss, loss.mean);
  for (const auto& [name, value] : loss.extras)
    add(result.extras[name], value);
}

void TrainingStep::sum_over_ranks(const StepResult& result) {
  ranks_.sum(model_.gradients());
  ranks_.sum(result.loss);
  for (const auto& [name, value] : result.extras)
    ranks_.sum(value);
}

StepResult TrainingStep::run(int64_t step, double learning_rate) {
  const int64_t own = config_.gradient_accumulation_steps;
  model_.net()->train();
  StepResult result;
  for (int64_t part = 0; part < own; ++part)
    accumulate_gradients((step * own + part) * ranks_.size() + ranks_.rank(), part == 0, result);
  if (ranks_.size() > 1) sum_over_ranks(result);
  whole_ = false;
  objective_->end_step(ranks_);
  result.grad_norm = model_.update(config_, step, learning_rate, result.loss);
  whole_ = true;
  return result;
}

}  // namespace ddpm
