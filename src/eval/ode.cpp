#include "ddpm/eval/ode.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

// Dormand and Prince, "A family of embedded Runge-Kutta formulae", 1980, table 2: RK5(4)7M.
constexpr int kStages = 6;
constexpr double kNodes[kStages + 1] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
constexpr double kStageWeights[kStages + 1][kStages] = {
    {},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}};
// Difference of the two orders' weights.
constexpr double kErrors[kStages + 1] = {71. / 57600,      0,         -71. / 16695, 71. / 1920,
                                         -17253. / 339200, 22. / 525, -1. / 40};

constexpr double kSafety = 0.9;
constexpr double kMostGrowth = 10.0;
constexpr double kMostFall = 0.2;
// The first step, after Hairer, Norsett and Wanner, "Solving ordinary differential equations I".
constexpr double kFirstStep = 0.01;   // in units of |y| / |dy/ds|
constexpr double kBlindStep = 1e-6;   // where one of these is nearly zero
constexpr double kNearlyZero = 1e-5;  // in units of the tolerance

torch::Tensor cpu_column(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

/// One number a row, for products with y [M, K].
torch::Tensor column_like(const std::vector<double>& values, const torch::Tensor& y) {
  return cpu_column(values).to(y.device()).unsqueeze(1);
}

torch::Tensor mean_square(const torch::Tensor& x) {
  return x.square().mean(1);
}

/// Root mean squares of the rows, [M]; the larger one of the two parts.
std::vector<double> row_norms(const torch::Tensor& x, int64_t split) {
  auto squares = split == 0 ? mean_square(x)
                            : torch::maximum(mean_square(x.narrow(1, 0, split)),
                                             mean_square(x.narrow(1, split, x.size(1) - split)));
  squares = squares.sqrt().to(torch::kCPU).contiguous();
  const auto* const first = squares.data_ptr<double>();
  return {first, first + squares.size(0)};
}

/// The rows that are on their way, each at its own place.
class Rk45 {
 public:
  Rk45(const OdeFunction& derivative, const torch::Tensor& start, double from, double to,
       const OdeOptions& options)
      : derivative_(derivative),
        options_(options),
        from_(from),
        to_(to),
        end_(start.clone()),
        calls_(static_cast<size_t>(start.size(0)), 0),
        rows_(torch::arange(start.size(0))),
        y_(start),
        s_(calls_.size(), from),
        rejected_(calls_.size(), 0) {
    slope_ = call(y_, s_);
    const auto scale = options_.atol + options_.rtol * y_.abs();
    const auto size = row_norms(y_ / scale, options_.split);
    const auto speed = row_norms(slope_ / scale, options_.split);
    for (size_t i = 0; i < s_.size(); ++i) {
      const bool blind = size[i] < kNearlyZero || speed[i] < kNearlyZero;
      h_.push_back(std::min(blind ? kBlindStep : kFirstStep * size[i] / speed[i], to - from));
    }
  }

  bool arrived() const { return s_.empty(); }
  double share() const {
    return arrived() ? 1.0 : (*std::ranges::min_element(s_) - from_) / (to_ - from_);
  }
  OdeResult result() { return {end_, calls_}; }

  void step() {
    std::vector<double> next = s_;
    for (size_t i = 0; i < s_.size(); ++i) {
      if (!(h_[i] > 16 * std::numeric_limits<double>::epsilon() * std::abs(to_))) {
        throw UserError("the ODE cannot be followed beyond ", s_[i],
                        ": the network's answers are not finite, or the tolerance is too small");
      }
      h_[i] = std::min(h_[i], to_ - s_[i]);
      next[i] += h_[i];
    }
    std::vector<torch::Tensor> slopes{slope_};
    torch::Tensor y;
    for (int stage = 1; stage <= kStages; ++stage) {
      y = y_ + column_like(h_, y_) * weighted(slopes, kStageWeights[stage]);
      slopes.push_back(call(y, places(stage)));
    }
    const auto error = column_like(h_, y_) * weighted(slopes, kErrors);
    const auto scale = options_.atol + options_.rtol * torch::maximum(y_.abs(), y.abs());
    accept(row_norms(error / scale, options_.split), next, y, slopes.back());
  }

 private:
  torch::Tensor call(const torch::Tensor& y, const std::vector<double>& s) {
    const auto* const row = rows_.data_ptr<int64_t>();
    for (int64_t i = 0; i < rows_.size(0); ++i)
      ++calls_[static_cast<size_t>(row[i])];
    return derivative_(y, cpu_column(s), rows_);
  }

  std::vector<double> places(int stage) const {
    std::vector<double> s = s_;
    for (size_t i = 0; i < s.size(); ++i)
      s[i] = std::min(s[i] + kNodes[stage] * h_[i], to_);
    return s;
  }

  static torch::Tensor weighted(const std::vector<torch::Tensor>& slopes, const double* weights) {
    auto sum = torch::zeros_like(slopes.front());
    for (size_t i = 0; i < slopes.size(); ++i)
      if (weights[i] != 0) sum.add_(slopes[i], weights[i]);
    return sum;
  }

  /// Moves the rows whose error is below 1, sets all rows' next steps, and lets arrived rows go.
  void accept(const std::vector<double>& errors, const std::vector<double>& next,
              const torch::Tensor& y, const torch::Tensor& slope) {
    std::vector<uint8_t> moved(errors.size());
    std::vector<int64_t> left;
    std::vector<int64_t> done;
    for (size_t i = 0; i < errors.size(); ++i) {
      moved[i] = errors[i] <= 1.0 ? 1 : 0;
      const double wanted = kSafety * std::pow(errors[i], -0.2);  // NaN: not accepted
      const double most = rejected_[i] != 0 ? 1.0 : kMostGrowth;
      h_[i] *= moved[i] != 0 ? std::clamp(wanted, kMostFall, most)
                             : std::clamp(wanted >= kMostFall ? wanted : kMostFall, kMostFall, 1.0);
      rejected_[i] = moved[i] != 0 ? 0 : 1;
      if (moved[i] != 0) s_[i] = next[i];
      (s_[i] < to_ ? left : done).push_back(static_cast<int64_t>(i));
    }
    const auto where = torch::tensor(moved).to(torch::kBool).to(y.device()).unsqueeze(1);
    y_ = torch::where(where, y, y_);
    slope_ = torch::where(where, slope, slope_);
    if (!done.empty()) let_go(done, left);
  }

  void let_go(const std::vector<int64_t>& done, const std::vector<int64_t>& left) {
    const auto device = y_.device();
    const auto gone = torch::tensor(done);
    end_.index_copy_(0, rows_.index_select(0, gone).to(device),
                     y_.index_select(0, gone.to(device)));
    const auto kept = torch::tensor(left, torch::kInt64);
    rows_ = rows_.index_select(0, kept);
    y_ = y_.index_select(0, kept.to(device));
    slope_ = slope_.index_select(0, kept.to(device));
    for (auto* list : {&s_, &h_}) {
      std::vector<double> few;
      for (const int64_t i : left)
        few.push_back((*list)[static_cast<size_t>(i)]);
      *list = few;
    }
    rejected_.assign(left.size(), 0);
  }

  const OdeFunction& derivative_;
  OdeOptions options_;
  double from_;
  double to_;
  torch::Tensor end_;
  std::vector<int64_t> calls_;
  torch::Tensor rows_;  // what follows has one entry for each of these
  torch::Tensor y_;
  torch::Tensor slope_;  // of y_; the last stage of a step is the first of the next
  std::vector<double> s_;
  std::vector<double> h_;
  std::vector<uint8_t> rejected_;
};

OdeResult integrate_rk45(const OdeFunction& derivative, const torch::Tensor& start, double from,
                         double to, const OdeOptions& options, const OdeObserver& on_step) {
  Rk45 solver(derivative, start, from, to, options);
  while (!solver.arrived()) {
    solver.step();
    on_step(solver.share());
  }
  return solver.result();
}

OdeResult integrate_heun(const OdeFunction& derivative, const torch::Tensor& start, double from,
                         double to, const OdeOptions& options, const OdeObserver& on_step) {
  const double low = std::pow(from, 1.0 / options.rho);
  const double high = std::pow(to, 1.0 / options.rho);
  const auto place = [&](int64_t i) {
    if (i == 0) return from;
    if (i == options.steps) return to;
    const double share = static_cast<double>(i) / static_cast<double>(options.steps);
    return std::pow(low + share * (high - low), options.rho);
  };
  const auto rows = torch::arange(start.size(0));
  const auto call = [&](const torch::Tensor& y, double s) {
    return derivative(y, torch::full({y.size(0)}, s, torch::kFloat64), rows);
  };
  auto y = start;
  for (int64_t i = 0; i < options.steps; ++i) {
    const double h = place(i + 1) - place(i);
    const auto slope = call(y, place(i));
    y = y + h / 2 * (slope + call(y + h * slope, place(i + 1)));
    on_step(static_cast<double>(i + 1) / static_cast<double>(options.steps));
  }
  return {y, std::vector<int64_t>(static_cast<size_t>(y.size(0)), 2 * options.steps)};
}

}  // namespace

OdeResult integrate(const OdeFunction& derivative, const torch::Tensor& start, double from,
                    double to, const OdeOptions& options, const OdeObserver& on_step) {
  TORCH_CHECK(from < to, "the end of an ODE's path must lie above its start");
  return options.solver == OdeSolver::kHeun
             ? integrate_heun(derivative, start, from, to, options, on_step)
             : integrate_rk45(derivative, start, from, to, options, on_step);
}

}  // namespace ddpm
