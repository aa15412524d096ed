#include "ddpm/train/training_step.h"

#include <torch/types.h>

#include "ddpm/train/plan.h"
#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

BatchOptions batch_options(const Config& config, torch::Device device, const Noising& noising) {
  return {.batch_size = micro_batch_size(config.train),
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
      noising_(config),
      batches_(dataset, batch_options(config, device, noising_),
               first_step * config.train.gradient_accumulation_steps),
      pass_(config, model, device, checkpoints_gradients(config.train) ? GraphFactory() : graphs) {
  if (config_.timestep_sampler == TimestepSampler::kLossSecondMoment) {
    losses_.emplace(config.diffusion.num_train_timesteps);
  }
  model_.net()->enable_gradient_checkpointing(checkpoints_gradients(config_));
}

void TrainingStep::accumulate_gradients(int64_t micro_batch, StepResult& result) {
  auto drawn = batches_.next();
  if (losses_) noising_.draw_timesteps(drawn, *losses_);
  const auto batch = noising_.apply(drawn, device_, losses_ ? &*losses_ : nullptr);
  seed_dropout(static_cast<uint64_t>(config_.seed), micro_batch, device_);
  const bool first = micro_batch % config_.gradient_accumulation_steps == 0;
  const auto loss = pass_.run(batch, first);
  if (losses_) note_losses(drawn.timesteps, loss.images);
  const auto add = [&](torch::Tensor& sum, const torch::Tensor& value) {
    sum = first ? value : sum + value;
  };
  add(result.loss, loss.mean);
  if (loss.accuracy.defined()) add(result.accuracy, loss.accuracy);
}

void TrainingStep::note_losses(const torch::Tensor& timesteps, const torch::Tensor& losses) {
  const auto* const t = timesteps.data_ptr<int64_t>();
  noted_timesteps_.insert(noted_timesteps_.end(), t, t + timesteps.numel());
  noted_losses_.push_back(losses);
}

void TrainingStep::update_sampler() {
  const auto losses = torch::cat(noted_losses_).to(torch::kCPU, torch::kFloat64);
  losses_->update(noted_timesteps_, {losses.data_ptr<double>(), noted_timesteps_.size()});
  noted_timesteps_.clear();
  noted_losses_.clear();
}

StepResult TrainingStep::run(int64_t step, double learning_rate) {
  const int64_t parts = config_.gradient_accumulation_steps;
  model_.net()->train();
  StepResult result;
  for (int64_t part = 0; part < parts; ++part)
    accumulate_gradients(step * parts + part, result);
  if (losses_) update_sampler();
  result.grad_norm = model_.update(config_, step, learning_rate, result.loss);
  return result;
}

NamedTensors TrainingStep::sampler_state() const {
  if (!losses_) return {};
  return {{"losses", losses_->history()}, {"counts", losses_->counts()}};
}

void TrainingStep::load_sampler_state(const NamedTensors& state, const std::string& origin) {
  if (!losses_) return;
  const auto losses = state.find("losses");
  const auto counts = state.find("counts");
  if (losses == state.end() || counts == state.end()) {
    throw CheckpointError(origin, ": the losses seen by train.timestep_sampler are missing");
  }
  losses_->load(losses->second, counts->second, origin);
}

}  // namespace ddpm
