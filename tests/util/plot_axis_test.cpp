#include "ddpm/util/plot_axis.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

std::vector<std::string> labels(const PlotAxis& axis) {
  std::vector<std::string> labels;
  for (const double tick : axis.ticks())
    labels.push_back(tick_label(tick));
  return labels;
}

using Labels = std::vector<std::string>;

TEST(PlotAxis, TicksAreRound) {
  EXPECT_EQ(labels(PlotAxis(AxisScale::kLinear, {0, 999}, 0)),
            (Labels{"0", "200", "400", "600", "800"}));
  EXPECT_EQ(labels(PlotAxis(AxisScale::kLinear, {-0.31, 0.3}, 0)), (Labels{"-0.2", "0", "0.2"}));
  EXPECT_EQ(labels(PlotAxis(AxisScale::kLinear, {0, 1}, 0)),
            (Labels{"0", "0.2", "0.4", "0.6", "0.8", "1"}));
}

TEST(PlotAxis, LogarithmicTicksArePowersOfTenOrWithinThem) {
  EXPECT_EQ(labels(PlotAxis(AxisScale::kLog, {1e-4, 0.02}, 0)),
            (Labels{"0.0001", "0.001", "0.01"}));
  EXPECT_EQ(labels(PlotAxis(AxisScale::kLog, {10, 50}, 0)), (Labels{"10", "20", "50"}));
  EXPECT_EQ(labels(PlotAxis(AxisScale::kLog, {1e-12, 1}, 0)),
            (Labels{"1e-12", "1e-10", "1e-08", "1e-06", "0.0001", "0.01", "1"}));
}

TEST(PlotAxis, TicksAreFewAndInRangeWhateverTheValues) {
  for (const auto scale : {AxisScale::kLinear, AxisScale::kLog}) {
    for (const double size : {1e-200, 1e-6, 0.7, 3.0, 12345.0, 1e200}) {
      for (const double factor : {1.0, 1.0 + 1e-15, 1.001, 1.5, 9.0, 150.0, 1e9}) {
        const PlotAxis axis(scale, {size, size * factor}, 0.02);
        const auto ticks = axis.ticks();
        EXPECT_GE(ticks.size(), 2U) << size << " " << factor;
        EXPECT_LE(ticks.size(), 9U) << size << " " << factor;
        EXPECT_GE(axis.place(ticks.front()), -1e-6);
        EXPECT_LE(axis.place(ticks.back()), 1 + 1e-6);
      }
    }
  }
}

TEST(PlotAxis, PlacesValuesBetweenItsEnds) {
  const PlotAxis linear(AxisScale::kLinear, {2, 4}, 0);
  EXPECT_DOUBLE_EQ(linear.place(2.5), 0.25);
  const PlotAxis log(AxisScale::kLog, {1, 100}, 0);
  EXPECT_DOUBLE_EQ(log.place(10), 0.5);
  const PlotAxis roomy(AxisScale::kLinear, {0, 10}, 0.1);
  EXPECT_DOUBLE_EQ(roomy.low(), -1);
  EXPECT_DOUBLE_EQ(roomy.high(), 11);
}

TEST(PlotAxis, WhatCannotBeShownDoesNotCount) {
  const double inf = std::numeric_limits<double>::infinity();
  const PlotAxis log(AxisScale::kLog, {0, -3, NAN, inf, 1, 100}, 0);
  EXPECT_DOUBLE_EQ(log.low(), 1);
  EXPECT_DOUBLE_EQ(log.high(), 100);
  EXPECT_LT(PlotAxis(AxisScale::kLinear, {}, 0).low(), PlotAxis(AxisScale::kLinear, {}, 0).high());
}

}  // namespace
}  // namespace ddpm
