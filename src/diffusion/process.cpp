#include "ddpm/diffusion/process.h"

#include <algorithm>

#include <torch/types.h>

namespace ddpm {
namespace {

struct Row {
  ProcessType type;
  ProcessPtr (*make)(const DiffusionConfig& config);
};

constexpr Row kProcesses[] = {
    {ProcessType::kDiscrete, make_discrete_process},
    {ProcessType::kEdm, make_edm_process},
    {ProcessType::kFlow, make_flow_process},
};

/// Reads C channels of an output by `read`, and keeps what is behind them as learned variance.
template <typename Read>
Prediction read_output(const torch::Tensor& x_t, const torch::Tensor& output, const Read& read) {
  if (output.size(1) != 2 * x_t.size(1)) return read(output);
  const auto halves = output.chunk(2, 1);
  auto prediction = read(halves[0]);
  prediction.variance = halves[1];
  return prediction;
}

}  // namespace

int64_t Process::last_shown_timestep() const {
  return std::max<int64_t>(1, config_.num_train_timesteps) - 1;
}

double Process::input_scale(const NoiseLevel& /*level*/) const {
  return 1.0;
}

torch::Tensor Process::input_scale(const NoiseLevels& levels) const {
  return torch::ones_like(levels.sigma);
}

double Process::start_scale(const NoiseLevel& /*level*/) const {
  return 1.0;
}

Prediction Process::read(const NoiseLevel& level, const torch::Tensor& x_t,
                         const torch::Tensor& output) const {
  return read_output(x_t, output,
                     [&](const torch::Tensor& answer) { return read_answer(level, x_t, answer); });
}

Prediction Process::read(const NoiseLevels& levels, const torch::Tensor& x_t,
                         const torch::Tensor& output) const {
  return read_output(x_t, output,
                     [&](const torch::Tensor& answer) { return read_answer(levels, x_t, answer); });
}

ProcessPtr make_process(const DiffusionConfig& config) {
  return std::ranges::find(kProcesses, config.process, &Row::type)->make(config);
}

}  // namespace ddpm
