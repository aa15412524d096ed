#include "ddpm/util/plot_axis.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace ddpm {
namespace {

constexpr double kLargest = 1e300;
constexpr double kMostSteps = 6.0;

/// The smallest of 1, 2, 5 times a power of ten that is at least `step`.
double round_step(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (step <= factor * power * (1 + 1e-9)) return factor * power;
  return 10.0 * power;
}

/// Multiples of a round step in the range.
std::vector<double> even_ticks(double low, double high) {
  const double step = round_step((high - low) / kMostSteps);
  std::vector<double> ticks;
  for (double i = std::ceil(low / step - 1e-9) + 0.0; i * step <= high + 1e-9 * step; ++i)
    ticks.push_back(i * step);
  return ticks;
}

/// 1, 2 and 5 times powers of ten, between decimal logarithms.
std::vector<double> ticks_within_decades(double low, double high) {
  std::vector<double> ticks;
  for (double decade = std::floor(low); decade <= high; ++decade) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double at = decade + std::log10(factor);
      if (at >= low && at <= high) ticks.push_back(factor * std::pow(10.0, decade));
    }
  }
  return ticks;
}

}  // namespace

bool is_drawable(AxisScale scale, double value) {
  if (!(std::abs(value) < kLargest)) return false;
  return scale == AxisScale::kLinear || value > 0;
}

PlotAxis::PlotAxis(AxisScale scale, const std::vector<double>& values, double margin)
    : scale_(scale),
      low_(0.0),
      high_(0.0) {
  bool any = false;
  for (const double value : values) {
    if (!is_drawable(scale, value)) continue;
    const double at = scale == AxisScale::kLog ? std::log10(value) : value;
    low_ = any ? std::min(low_, at) : at;
    high_ = any ? std::max(high_, at) : at;
    any = true;
  }
  const double size = std::max(std::abs(low_), std::abs(high_));
  if (high_ - low_ <= 1e-9 * size || high_ == low_) {
    const double half = scale == AxisScale::kLog || size == 0 ? 0.5 : 0.1 * size;
    low_ -= half;
    high_ += half;
  }
  const double room = margin * (high_ - low_);
  low_ -= room;
  high_ += room;
}

double PlotAxis::low() const {
  return scale_ == AxisScale::kLog ? std::pow(10.0, low_) : low_;
}

double PlotAxis::high() const {
  return scale_ == AxisScale::kLog ? std::pow(10.0, high_) : high_;
}

double PlotAxis::place(double value) const {
  const double at = scale_ == AxisScale::kLog ? std::log10(value) : value;
  return (at - low_) / (high_ - low_);
}

std::vector<double> PlotAxis::ticks() const {
  if (scale_ == AxisScale::kLinear) return even_ticks(low_, high_);
  const double first = std::ceil(low_);
  const double decades = std::floor(high_) - first;
  if (decades < 2) {
    const auto ticks = ticks_within_decades(low_, high_);
    return ticks.size() < 2 ? even_ticks(low(), high()) : ticks;
  }
  const double stride = std::ceil((decades + 1) / (kMostSteps + 1));
  std::vector<double> ticks;
  for (double decade = std::ceil(first / stride) * stride; decade <= high_; decade += stride)
    ticks.push_back(std::pow(10.0, decade));
  return ticks;
}

std::string tick_label(double value) {
  char text[32];
  const auto [end, code] =
      std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 6);
  return code == std::errc() ? std::string(text, end) : std::string();
}

}  // namespace ddpm
