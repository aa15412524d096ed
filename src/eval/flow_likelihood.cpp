#include "ddpm/eval/flow_likelihood.h"

#include <cmath>
#include <numbers>

#include <torch/autograd.h>
#include <torch/types.h>

namespace ddpm {
namespace {

/// e . (J e) of each image, [N], where J = dv/dx; keeps the graph for the next one if `more`.
torch::Tensor probed(const torch::Tensor& v, const torch::Tensor& x, const torch::Tensor& e,
                     bool more) {
  const auto gradient = torch::autograd::grad({v}, {x}, {e}, /*retain_graph=*/more).at(0);
  return (gradient * e).flatten(1).sum(1);
}

/// The trace of dv/dx of each image, [N]: the mean over `probes` [P, N, C, H, W].
torch::Tensor estimated_trace(const torch::Tensor& v, const torch::Tensor& x,
                              const torch::Tensor& probes) {
  const int64_t count = probes.size(0);
  auto sum = torch::zeros({x.size(0)}, v.options().requires_grad(false));
  for (int64_t p = 0; p < count; ++p)
    sum += probed(v, x, probes[p], p + 1 < count);
  return sum / static_cast<double>(count);
}

torch::Tensor exact_trace(const torch::Tensor& v, const torch::Tensor& x) {
  const int64_t size = x.numel() / x.size(0);
  auto sum = torch::zeros({x.size(0)}, v.options().requires_grad(false));
  for (int64_t i = 0; i < size; ++i) {
    auto e = torch::zeros({x.size(0), size}, sum.options());
    e.select(1, i).fill_(1.0);
    sum += probed(v, x, e.view(x.sizes()), i + 1 < size);
  }
  return sum;
}

/// Log density of rows [N, D] under N(0, scale^2), [N].
torch::Tensor normal_log_density(const torch::Tensor& rows, double scale) {
  const double constant = std::log(2.0 * std::numbers::pi) + 2.0 * std::log(scale);
  return -0.5 * ((rows / scale).square() + constant).sum(1);
}

}  // namespace

ProbabilityFlow::ProbabilityFlow(const Process& process, double lowest)
    : process_(process),
      coordinates_(process.regular_ode()),
      from_(coordinates_.u_of_ratio(lowest > 0 ? lowest : process.min_ratio())),
      to_(coordinates_.u_of_ratio(process.max_ratio())) {}

NoiseLevel ProbabilityFlow::level(double s) const {
  return process_.level_of_ratio(s >= to_ ? process_.max_ratio() : coordinates_.ratio_of(s));
}

torch::Tensor ProbabilityFlow::velocity(const NoiseLevels& levels,
                                        const Prediction& prediction) const {
  return coordinates_.slope(levels, prediction);
}

FlowLikelihood flow_log_density(const ProbabilityFlow& flow, const Process& process,
                                const BatchDenoiser& denoise, const torch::Tensor& x0,
                                const torch::Tensor& probes, Trace trace, OdeOptions options,
                                const OdeObserver& on_step) {
  const int64_t images = x0.size(0);
  const int64_t size = x0.numel() / images;
  const auto dimensions = static_cast<double>(size);
  auto shape = x0.sizes().vec();
  shape[0] = -1;
  // The last column is the log density gained, per dimension so that it is of the size of a pixel.
  const OdeFunction derivative = [&](const torch::Tensor& y, const torch::Tensor& s,
                                     const torch::Tensor& rows) {
    const torch::AutoGradMode with_gradients(true);
    std::vector<NoiseLevel> levels;
    for (int64_t i = 0; i < s.size(0); ++i)
      levels.push_back(flow.level(s.data_ptr<double>()[i]));
    const auto stacked = stack_levels(levels, y.device());
    const auto x = y.narrow(1, 0, size).detach().reshape(shape).requires_grad_();
    const auto v = flow.velocity(stacked, denoise(x, stacked, rows));
    const auto divergence =
        trace == Trace::kExact
            ? exact_trace(v, x)
            : estimated_trace(v, x, probes.index_select(1, rows.to(probes.device())));
    return torch::cat({v.detach().flatten(1), divergence.unsqueeze(1) / dimensions}, 1);
  };
  const auto lowest = flow.level(flow.from());
  const auto highest = flow.level(flow.to());
  const auto start = torch::cat({lowest.alpha * x0.flatten(1), x0.new_zeros({images, 1})}, 1);
  options.split = size;
  options.rho = flow.rho();
  const auto end = integrate(derivative, start, flow.from(), flow.to(), options, on_step);
  const auto latents = end.y.narrow(1, 0, size);
  const auto log_density = normal_log_density(latents, process.start_scale(highest)) +
                           dimensions * (end.y.select(1, size) + std::log(lowest.alpha));
  return {.log_density = log_density, .latents = latents.reshape(x0.sizes()), .calls = end.calls};
}

}  // namespace ddpm
