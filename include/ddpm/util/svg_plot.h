#pragma once

#include <string>
#include <vector>

#include "ddpm/util/plot_axis.h"

namespace ddpm {

/// One line of a panel.
struct PlotSeries {
  std::string name = {};  // in the legend; lines of one name share a colour in all panels
  std::vector<double> x = {};
  std::vector<double> y = {};
  std::vector<double> error = {};  // half the height of the bar at each point; empty: no bars
  bool markers = false;            // a dot at each point
};

/// One pair of axes and the lines between them.
struct PlotPanel {
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  AxisScale x_scale = AxisScale::kLinear;
  AxisScale y_scale = AxisScale::kLinear;
  std::vector<PlotSeries> series = {};
};

/// A picture of lines: panels side by side, three in a row at most, under one title and above one
/// legend. Evaluations (a metric over steps, a line a sampler) and noise schedules are drawn so.
struct LinePlot {
  std::string title = {};
  std::vector<PlotPanel> panels = {};
};

/// The plot as the text of an SVG file, dark on a white ground; equal plots give equal bytes. A
/// point that its axes cannot show (infinite, not a number, not above 0 on a logarithmic axis)
/// leaves a gap in its line. `std::invalid_argument` if x, y and error differ in length.
std::string to_svg(const LinePlot& plot);

}  // namespace ddpm
