#include "ddpm/util/svg_plot.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

/// How often `part` stands in `text`.
size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

LinePlot plot_of(const std::vector<PlotSeries>& series, AxisScale y_scale = AxisScale::kLinear) {
  PlotPanel panel{.title = "FID", .x_label = "steps", .y_label = "distance", .series = series};
  panel.y_scale = y_scale;
  return {.title = "Samplers", .panels = {panel}};
}

PlotSeries line_of(const std::string& name, std::vector<double> y) {
  PlotSeries series{.name = name};
  for (size_t i = 0; i < y.size(); ++i)
    series.x.push_back(static_cast<double>(i) * 10.0);
  series.y = std::move(y);
  return series;
}

TEST(SvgPlot, HoldsTitlesLabelsLegendAndALineASeries) {
  const auto svg = to_svg(plot_of({line_of("ddim", {3, 2, 1}), line_of("unipc", {2, 1, 0})}));
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  for (const char* text : {">Samplers<", ">FID<", ">steps<", ">distance<", ">ddim<", ">unipc<"})
    EXPECT_EQ(count(svg, text), 1U) << text;
  EXPECT_EQ(count(svg, "<polyline"), 2U);
  EXPECT_EQ(count(svg, "fill=\"#ffffff\""), 1U);
}

TEST(SvgPlot, EqualPlotsGiveEqualBytes) {
  const auto plot = plot_of({line_of("a", {0.1, 1.0 / 3, 1e-7}), line_of("b", {1, 2, 3})});
  EXPECT_EQ(to_svg(plot), to_svg(plot));
}

TEST(SvgPlot, TextIsEscaped) {
  auto plot = plot_of({line_of("a<b>\"c\" & d\n\xff", {1, 2})});
  const auto svg = to_svg(plot);
  EXPECT_NE(svg.find(">a&lt;b&gt;&quot;c&quot; &amp; d ?<"), std::string::npos);
  plot.title = "σ ≤ 1";
  EXPECT_NE(to_svg(plot).find(">σ ≤ 1<"), std::string::npos);
}

TEST(SvgPlot, PointsThatCannotBeShownLeaveAGap) {
  const double inf = std::numeric_limits<double>::infinity();
  const auto svg = to_svg(plot_of({line_of("a", {1, 2, inf, 3, NAN, 2, 1})}));
  EXPECT_EQ(count(svg, "<polyline"), 3U);
  EXPECT_EQ(count(svg, "nan") + count(svg, "inf"), 0U);
  const auto log = to_svg(plot_of({line_of("a", {1, 10, 0, 100, -5})}, AxisScale::kLog));
  EXPECT_EQ(count(log, "<polyline"), 2U);
}

TEST(SvgPlot, LinesOfOneNameShareAColorAndALegendEntry) {
  auto plot = plot_of({line_of("a", {1, 2}), line_of("b", {2, 1})});
  plot.panels.push_back(plot.panels.front());
  plot.panels.back().series.erase(plot.panels.back().series.begin());
  const auto svg = to_svg(plot);
  EXPECT_EQ(count(svg, ">b<"), 1U);
  EXPECT_EQ(count(svg, "stroke=\"#0072B2\""), 2U);  // line and legend
  EXPECT_EQ(count(svg, "stroke=\"#D55E00\""), 3U);
}

TEST(SvgPlot, TheFirstPointIsDrawnAtTheLeftAndTheLowestAtTheBottom) {
  const auto svg = to_svg(plot_of({line_of("a", {5, 0})}));
  const auto at = svg.find("points=\"") + 8;
  double x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  ASSERT_EQ(std::sscanf(svg.c_str() + at, "%lf,%lf %lf,%lf", &x0, &y0, &x1, &y1), 4);
  EXPECT_LT(x0, x1);
  EXPECT_LT(y0, y1);  // SVG counts downwards
}

TEST(SvgPlot, PointsTooNearToSeeAreLeftOutButNeverTheLast) {
  std::vector<double> y(20000, 1.0);
  y[10000] = 2.0;
  const auto svg = to_svg(plot_of({line_of("a", y)}));
  EXPECT_LT(svg.size(), 30000U);
  EXPECT_GT(count(svg, ","), 500U);
  const auto two = to_svg(plot_of({line_of("a", {1.0, 1.0})}));
  const auto end = [](const std::string& text) {
    const auto quote = text.find("\" fill=\"none\" stroke-width=\"1.8\"");
    return text.substr(text.rfind(' ', quote), quote - text.rfind(' ', quote));
  };
  EXPECT_EQ(end(svg).substr(0, 7), end(two).substr(0, 7));
}

TEST(SvgPlot, DrawsMarkersAndErrorBars) {
  auto series = line_of("a", {1, 2, 3});
  EXPECT_EQ(count(to_svg(plot_of({series})), "<circle"), 0U);
  series.markers = true;
  const auto plain = to_svg(plot_of({series}));
  EXPECT_EQ(count(plain, "<circle"), 3U);
  series.error = {0.5, 0.5, 0.5};
  const auto barred = to_svg(plot_of({series}));
  const std::string bar = "stroke=\"#0072B2\"/>";
  EXPECT_EQ(count(barred, bar), count(plain, bar) + 9);
}

TEST(SvgPlot, BarsBelowALogarithmicAxisEndAtItsFrame) {
  auto series = line_of("a", {1, 10});
  series.error = {2, 1};
  const auto svg = to_svg(plot_of({series}, AxisScale::kLog));
  EXPECT_EQ(count(svg, "nan"), 0U);
  EXPECT_EQ(count(svg, "stroke=\"#0072B2\"/>"), 2U + 3 + 2);  // line, legend, two bars
}

TEST(SvgPlot, NothingToDrawIsStillAPicture) {
  EXPECT_TRUE(to_svg({}).ends_with("</svg>\n"));
  EXPECT_EQ(count(to_svg(plot_of({line_of("a", {NAN, NAN})})), "<polyline"), 0U);
}

TEST(SvgPlot, LengthsThatDifferAreRefused) {
  auto series = line_of("a", {1, 2});
  series.x.pop_back();
  EXPECT_THROW(to_svg(plot_of({series})), std::invalid_argument);
  series = line_of("a", {1, 2});
  series.error = {1};
  EXPECT_THROW(to_svg(plot_of({series})), std::invalid_argument);
}

}  // namespace
}  // namespace ddpm
