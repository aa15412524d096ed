#pragma once

#include <string>
#include <vector>

namespace ddpm {

/// How an axis spreads its values.
enum class AxisScale { kLinear, kLog };

/// Whether an axis can show `value`: a finite number, and on a logarithmic axis above 0.
bool is_drawable(AxisScale scale, double value);

/// The range of an axis and the place of each value on it.
class PlotAxis {
 public:
  /// Just wide enough for the drawable ones of `values`, with the share `margin` of the range free
  /// at both ends; a range around them if they are all equal, and one of its own if there are none.
  PlotAxis(AxisScale scale, const std::vector<double>& values, double margin);

  double low() const;
  double high() const;
  /// 0 at the low end, 1 at the high end. `value` must be drawable.
  double place(double value) const;
  /// Two to about eight round values in the range, rising: multiples of 1, 2 or 5 times a power of
  /// ten, or on a logarithmic axis of two decades and more powers of ten.
  std::vector<double> ticks() const;

 private:
  AxisScale scale_;
  double low_;  // of a logarithmic axis the decimal logarithms
  double high_;
};

/// A tick's value in at most six digits: "0.25", "1e-05".
std::string tick_label(double value);

}  // namespace ddpm
