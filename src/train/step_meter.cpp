#include "ddpm/train/step_meter.h"

#include <cmath>

#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/log.h"

namespace ddpm {

StepMeter::StepMeter(const TrainConfig& train, TrainingState& state,
                     const std::vector<std::string>& extras, torch::Device device)
    : max_bad_steps_(train.max_bad_steps),
      state_(state),
      loss_sum_(torch::full({}, state.loss_sum, torch::device(device))),
      grad_norm_(torch::full({}, state.grad_norm, torch::device(device))),
      lr_(state.lr) {
  for (const auto& name : extras)
    extra_sums_[name] = torch::full({}, state.extra_sums[name], torch::device(device));
}

void StepMeter::add(const StepResult& result, double learning_rate) {
  const auto finite = result.loss.isfinite().logical_and(result.grad_norm.isfinite());
  const auto unless_bad = [&](const torch::Tensor& value) {
    return torch::where(finite, value, torch::zeros_like(value));
  };
  loss_sum_.add_(unless_bad(result.loss));
  for (auto& [name, sum] : extra_sums_)
    sum.add_(unless_bad(result.extras.at(name)));
  grad_norm_ = result.grad_norm;
  lr_ = learning_rate;
  are_finite_.push_back(finite);
}

void StepMeter::count() {
  if (are_finite_.empty()) return;
  const auto outcomes = torch::stack(are_finite_).to(torch::kCPU);
  const int64_t first = state_.step - static_cast<int64_t>(are_finite_.size()) + 1;
  are_finite_.clear();
  for (int64_t i = 0; i < outcomes.size(0); ++i) {
    if (outcomes[i].item<bool>()) {
      ++state_.loss_steps;
      state_.bad_steps = 0;
      continue;
    }
    ++state_.skipped_steps;
    if (++state_.bad_steps == 1)
      log_warning("step " + std::to_string(first + i) +
                  ": loss or gradient is not finite; the step is left out");
    if (state_.bad_steps >= max_bad_steps_)
      fail("loss or gradient of the last " + std::to_string(state_.bad_steps) +
           " steps are not finite");
  }
}

bool StepMeter::is_sound(const TrainingModel& model) const {
  return state_.bad_steps == 0 && model.is_finite();
}

void StepMeter::check_weights(const TrainingModel& model) const {
  if (!model.is_finite()) fail("weights are not finite");
}

void StepMeter::fail(const std::string& what) const {
  throw DivergedError("training diverged at step ", state_.step, ": ", what,
                      "; the last checkpoint is kept; a lower train.lr or a longer "
                      "train.warmup_steps helps");
}

StepMeans StepMeter::take() {
  const auto steps = static_cast<double>(state_.loss_steps);
  StepMeans means{
      .loss = loss_sum_.item<double>() / steps, .grad_norm = grad_norm_.item<double>(), .lr = lr_};
  loss_sum_.zero_();
  for (auto& [name, sum] : extra_sums_) {
    means.extras.emplace_back(name, sum.item<double>() / steps);
    sum.zero_();
  }
  state_.loss_steps = 0;
  return means;
}

void StepMeter::store() {
  state_.loss_sum = loss_sum_.item<double>();
  state_.extra_sums.clear();
  for (const auto& [name, sum] : extra_sums_)
    state_.extra_sums[name] = sum.item<double>();
  const double grad_norm = grad_norm_.item<double>();
  state_.grad_norm = std::isfinite(grad_norm) ? grad_norm : 0.0;
  state_.lr = lr_;
}

}  // namespace ddpm
