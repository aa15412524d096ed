#include "ddpm/util/svg_plot.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include "ddpm/util/text.h"

namespace ddpm {
namespace {

// Pixels.
constexpr double kPanelWidth = 420;
constexpr double kPanelHeight = 300;
constexpr double kLeft = 68;
constexpr double kRight = 18;
constexpr double kTop = 30;
constexpr double kBottom = 46;
constexpr double kTitleHeight = 36;
constexpr double kLegendHeight = 20;
constexpr double kLegendKey = 30;
constexpr double kLetter = 6.6;  // a usual width at the legend's size
constexpr double kSmallestMove = 0.4;

// Okabe and Ito's colours, which colour-blind people tell apart.
constexpr std::string_view kColors[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                        "#E69F00", "#56B4E9", "#000000"};
constexpr std::string_view kDashes[] = {"", "7 3", "2 3", "9 3 2 3"};

/// A coordinate with two decimals.
std::string px(double value) {
  char text[64];
  const double rounded = std::round(value * 100.0) / 100.0 + 0.0;  // no "-0"
  const auto end = std::to_chars(text, text + sizeof(text), rounded).ptr;
  return {text, end};
}

/// `text` as XML may hold it.
std::string escaped(std::string_view text) {
  const bool sound = is_utf8(text);
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += byte < 0x20 || byte == 0x7f ? ' ' : byte >= 0x80 && !sound ? '?' : c;
  }
  return out;
}

struct Point {
  double x;
  double y;
};

std::string line(Point from, Point to, std::string_view style) {
  return "<line x1=\"" + px(from.x) + "\" y1=\"" + px(from.y) + "\" x2=\"" + px(to.x) + "\" y2=\"" +
         px(to.y) + "\" " + std::string(style) + "/>\n";
}

std::string text_at(Point at, std::string_view text, std::string_view style) {
  return "<text x=\"" + px(at.x) + "\" y=\"" + px(at.y) + "\" " + std::string(style) + ">" +
         escaped(text) + "</text>\n";
}

/// The names of all lines, each once, in the order in which they come.
std::vector<std::string> names_of(const LinePlot& plot) {
  std::vector<std::string> names;
  for (const auto& panel : plot.panels)
    for (const auto& series : panel.series)
      if (std::ranges::find(names, series.name) == names.end()) names.push_back(series.name);
  return names;
}

std::string color_of(size_t number) {
  return std::string(kColors[number % std::size(kColors)]);
}

/// Colour, and from the eighth line on dashes.
std::string stroke_of(size_t number) {
  const auto dash = kDashes[number / std::size(kColors) % std::size(kDashes)];
  std::string stroke = "fill=\"none\" stroke-width=\"1.8\" stroke=\"" + color_of(number) + "\"";
  if (!dash.empty()) stroke += " stroke-dasharray=\"" + std::string(dash) + "\"";
  return stroke;
}

/// All numbers that an axis has to show.
std::vector<double> values_of(const PlotPanel& panel, bool vertical) {
  std::vector<double> values;
  for (const auto& series : panel.series) {
    if (!vertical) values.insert(values.end(), series.x.begin(), series.x.end());
    for (size_t i = 0; vertical && i < series.y.size(); ++i) {
      const double error = series.error.empty() ? 0.0 : series.error[i];
      values.insert(values.end(), {series.y[i], series.y[i] - error, series.y[i] + error});
    }
  }
  return values;
}

/// Draws one panel whose upper left corner is at `corner`.
class PanelWriter {
 public:
  PanelWriter(const PlotPanel& panel, const std::vector<std::string>& names, Point corner)
      : panel_(panel),
        names_(names),
        left_(corner.x + kLeft),
        right_(corner.x + kPanelWidth - kRight),
        top_(corner.y + kTop),
        bottom_(corner.y + kPanelHeight - kBottom),
        x_(panel.x_scale, values_of(panel, false), 0.02),
        y_(panel.y_scale, values_of(panel, true), 0.04) {}

  std::string write() {
    frame();
    for (const auto& series : panel_.series) {
      const auto number =
          static_cast<size_t>(std::ranges::find(names_, series.name) - names_.begin());
      errors(series, number);
      lines(series, number);
      if (series.markers) dots(series, number);
    }
    return std::move(out_);
  }

 private:
  void frame() {
    constexpr std::string_view kGrid = "stroke=\"#e4e4e4\"";
    for (const double tick : x_.ticks()) {
      const double x = across(tick);
      out_ += line({x, top_}, {x, bottom_}, kGrid);
      out_ += text_at({x, bottom_ + 15}, tick_label(tick), "text-anchor=\"middle\"");
    }
    for (const double tick : y_.ticks()) {
      const double y = up(tick);
      out_ += line({left_, y}, {right_, y}, kGrid);
      out_ += text_at({left_ - 6, y + 4}, tick_label(tick), "text-anchor=\"end\"");
    }
    out_ += "<rect x=\"" + px(left_) + "\" y=\"" + px(top_) + "\" width=\"" + px(right_ - left_) +
            "\" height=\"" + px(bottom_ - top_) + "\" fill=\"none\" stroke=\"#555555\"/>\n";
    const double middle = (left_ + right_) / 2;
    const double half_way = (top_ + bottom_) / 2;
    const double side = left_ - kLeft + 14;
    out_ += text_at({middle, top_ - 9}, panel_.title, "text-anchor=\"middle\" font-size=\"13\"");
    out_ += text_at({middle, bottom_ + 34}, panel_.x_label, "text-anchor=\"middle\"");
    out_ += text_at(
        {side, half_way}, panel_.y_label,
        "text-anchor=\"middle\" transform=\"rotate(-90 " + px(side) + " " + px(half_way) + ")\"");
  }

  double across(double x) const { return left_ + x_.place(x) * (right_ - left_); }
  double up(double y) const { return bottom_ - y_.place(y) * (bottom_ - top_); }

  bool drawable(const PlotSeries& series, size_t i) const {
    return is_drawable(panel_.x_scale, series.x[i]) && is_drawable(panel_.y_scale, series.y[i]);
  }

  /// One polyline for each run of drawable points, without those too near the one before to see.
  void lines(const PlotSeries& series, size_t number) {
    std::string points;
    Point last{};
    for (size_t i = 0; i <= series.x.size(); ++i) {
      if (i == series.x.size() || !drawable(series, i)) {
        if (!points.empty())
          out_ += "<polyline points=\"" + points + "\" " + stroke_of(number) + "/>\n";
        points.clear();
        continue;
      }
      const Point point{across(series.x[i]), up(series.y[i])};
      const bool ends = i + 1 == series.x.size() || !drawable(series, i + 1);
      const bool near = std::hypot(point.x - last.x, point.y - last.y) < kSmallestMove;
      if (!points.empty() && near && !ends) continue;
      if (!points.empty()) points += ' ';
      points += px(point.x) + "," + px(point.y);
      last = point;
    }
  }

  void dots(const PlotSeries& series, size_t number) {
    for (size_t i = 0; i < series.x.size(); ++i) {
      if (!drawable(series, i)) continue;
      out_ += "<circle cx=\"" + px(across(series.x[i])) + "\" cy=\"" + px(up(series.y[i])) +
              "\" r=\"3\" fill=\"" + color_of(number) + "\"/>\n";
    }
  }

  /// A bar whose lower end a logarithmic axis cannot show goes down to the frame.
  void errors(const PlotSeries& series, size_t number) {
    const std::string style = "stroke=\"" + color_of(number) + "\"";
    for (size_t i = 0; i < series.error.size(); ++i) {
      const double high = series.y[i] + series.error[i];
      const double low = series.y[i] - series.error[i];
      if (!drawable(series, i) || !is_drawable(panel_.y_scale, high)) continue;
      const double x = across(series.x[i]);
      const bool cut = !is_drawable(panel_.y_scale, low);
      out_ += line({x, up(high)}, {x, cut ? bottom_ : up(low)}, style);
      out_ += line({x - 4, up(high)}, {x + 4, up(high)}, style);
      if (!cut) out_ += line({x - 4, up(low)}, {x + 4, up(low)}, style);
    }
  }

  const PlotPanel& panel_;
  const std::vector<std::string>& names_;
  double left_, right_, top_, bottom_;
  PlotAxis x_, y_;
  std::string out_;
};

/// Columns for a number of panels.
size_t columns_of(size_t panels) {
  return panels == 4 ? 2 : std::clamp<size_t>(panels, 1, 3);
}

/// The width that a name takes in the legend, its key and the gap behind included.
double legend_width(const std::string& name) {
  const auto letters = std::ranges::count_if(name, [](char c) { return (c & 0xc0) != 0x80; });
  return kLegendKey + kLetter * static_cast<double>(letters) + 22;
}

/// Where each name of the legend stands, counted from its upper left corner.
std::vector<Point> legend_places(const std::vector<std::string>& names, double width) {
  std::vector<Point> places;
  Point next{};
  for (const auto& name : names) {
    if (next.x > 0 && next.x + legend_width(name) > width) next = {0, next.y + kLegendHeight};
    places.push_back(next);
    next.x += legend_width(name);
  }
  return places;
}

std::string legend(const std::vector<std::string>& names, const std::vector<Point>& places,
                   Point corner) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    const Point at{corner.x + places[i].x, corner.y + places[i].y + kLegendHeight / 2};
    out += line(at, {at.x + kLegendKey - 6, at.y}, stroke_of(i));
    out += text_at({at.x + kLegendKey, at.y + 4}, names[i], "text-anchor=\"start\"");
  }
  return out;
}

void check_lengths(const LinePlot& plot) {
  for (const auto& panel : plot.panels)
    for (const auto& series : panel.series)
      if (series.x.size() != series.y.size() ||
          (!series.error.empty() && series.error.size() != series.y.size()))
        throw std::invalid_argument("the series " + series.name + " has x, y of unequal length");
}

}  // namespace

std::string to_svg(const LinePlot& plot) {
  check_lengths(plot);
  const auto names = names_of(plot);
  const size_t columns = columns_of(plot.panels.size());
  const size_t rows = (plot.panels.size() + columns - 1) / columns;
  const double width = kPanelWidth * static_cast<double>(columns);
  const double legend_top = kTitleHeight + kPanelHeight * static_cast<double>(rows);
  const auto places = legend_places(names, width - kLeft - kRight);
  const double height = legend_top + (places.empty() ? 0.0 : places.back().y + kLegendHeight) + 10;
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + px(width) +
                    "\" height=\"" + px(height) + "\" viewBox=\"0 0 " + px(width) + " " +
                    px(height) +
                    "\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\" "
                    "font-size=\"11\" fill=\"#222222\">\n";
  out += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  out += text_at({width / 2, 24}, plot.title, "text-anchor=\"middle\" font-size=\"16\"");
  for (size_t i = 0; i < plot.panels.size(); ++i) {
    const Point corner{kPanelWidth * static_cast<double>(i % columns),
                       kTitleHeight + kPanelHeight * static_cast<double>(i / columns)};
    out += PanelWriter(plot.panels[i], names, corner).write();
  }
  return out + legend(names, places, {kLeft, legend_top}) + "</svg>\n";
}

}  // namespace ddpm
