#include "ddpm/eval/sweep_results.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "ddpm/util/number.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Json = nlohmann::ordered_json;

bool is_numeric(const SweepAxis& axis) {
  return axis.values.size() > 1 && std::ranges::all_of(axis.values, [](const std::string& value) {
           return parse_number<double>(value).has_value();
         });
}

/// The axis along x; -1 if none has numbers.
int64_t x_axis(const std::vector<SweepAxis>& axes) {
  for (const char* name : {"steps", "guidance"})
    for (size_t i = 0; i < axes.size(); ++i)
      if (axes[i].name == name && is_numeric(axes[i])) return static_cast<int64_t>(i);
  const auto found = std::ranges::find_if(axes, is_numeric);
  return found == axes.end() ? -1 : found - axes.begin();
}

std::string csv_field(const std::string& any) {
  const auto text = without_controls(any);
  if (text.find_first_of(",\"") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// The values of all axes but that along x.
std::string line_name(const SweepCell& cell, int64_t x) {
  std::vector<std::string> words;
  for (size_t i = 0; i < cell.size(); ++i)
    if (static_cast<int64_t>(i) != x) words.push_back(cell[i].second);
  return words.empty() ? "all" : join(words, " ");
}

/// Logarithmic for numbers above 0 of which the largest is `factor` times the least.
AxisScale scale_of(const std::vector<double>& values, double factor) {
  if (values.empty()) return AxisScale::kLinear;
  const auto [least, most] = std::ranges::minmax(values);
  return least > 0 && most >= factor * least ? AxisScale::kLog : AxisScale::kLinear;
}

std::vector<double> numbers_of(const SweepAxis& axis) {
  std::vector<double> values;
  for (const auto& text : axis.values)
    values.push_back(*parse_number<double>(text));
  return values;
}

double value_of(const Json& metric, const char* key) {
  const auto found = metric.find(key);
  return found != metric.end() && found->is_number() ? found->get<double>() : std::nan("");
}

/// The metrics of all rows: not every model allows every one.
std::vector<std::string> all_metric_names(const std::vector<SweepRow>& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows)
    for (const auto& name : metric_names(row.result))
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  return names;
}

bool has_deviation(const std::vector<SweepRow>& rows, const std::string& metric) {
  return std::ranges::any_of(rows, [&](const SweepRow& row) {
    return row.result.contains(metric) && row.result.at(metric).contains("std");
  });
}

std::string title_of(const std::vector<SweepRow>& rows, const std::string& metric) {
  for (const auto& row : rows) {
    const auto found = row.result.find(metric);
    if (found == row.result.end()) continue;
    const auto name = found->find("name");
    if (name != found->end() && name->is_string()) return name->get<std::string>();
  }
  return metric;
}

/// Empty where a row has no such number.
std::string number_field(const Json& result, const std::string& metric, const char* key) {
  const double value = result.contains(metric) ? value_of(result.at(metric), key) : std::nan("");
  return std::isnan(value) ? "" : format_number(value);
}

PlotPanel panel_of(const std::vector<SweepAxis>& axes, const std::vector<SweepRow>& rows,
                   const std::string& metric) {
  const int64_t x = x_axis(axes);
  const auto* const axis = x < 0 ? nullptr : &axes[static_cast<size_t>(x)];
  PlotPanel panel;
  panel.title = metric;
  panel.x_label = axis == nullptr ? "cell" : axis->name;
  panel.y_label = title_of(rows, metric);
  if (axis != nullptr) panel.x_scale = scale_of(numbers_of(*axis), 8);
  std::vector<double> heights;
  for (size_t row = 0; row < rows.size(); ++row) {
    const auto& [cell, result] = rows[row];
    const auto name = x < 0 ? std::string("all") : line_name(cell, x);
    auto line = std::ranges::find(panel.series, name, &PlotSeries::name);
    if (line == panel.series.end()) {
      line = panel.series.insert(line, {.name = name, .markers = true});
    }
    line->x.push_back(axis == nullptr ? static_cast<double>(row + 1)
                                      : *parse_number<double>(cell[static_cast<size_t>(x)].second));
    line->y.push_back(result.contains(metric) ? value_of(result.at(metric), "value")
                                              : std::nan(""));
    if (std::isfinite(line->y.back())) heights.push_back(line->y.back());
  }
  panel.y_scale = scale_of(heights, 20);
  return panel;
}

}  // namespace

std::vector<std::string> metric_names(const Json& result) {
  std::vector<std::string> names;
  for (const auto& [key, value] : result.items())
    if (value.is_object() && value.contains("value")) names.push_back(key);
  return names;
}

std::string sweep_csv(const std::vector<SweepRow>& rows) {
  std::vector<std::string> head;
  for (const auto& [name, value] : rows.front().cell)
    head.push_back(name);
  const auto metrics = all_metric_names(rows);
  for (const auto& metric : metrics) {
    head.push_back(csv_field(metric));
    if (has_deviation(rows, metric)) head.push_back(csv_field(metric + "_std"));
  }
  std::string text = join(head, ",") + "\n";
  for (const auto& row : rows) {
    std::vector<std::string> fields;
    for (const auto& [name, value] : row.cell)
      fields.push_back(csv_field(value));
    for (const auto& metric : metrics) {
      fields.push_back(number_field(row.result, metric, "value"));
      if (has_deviation(rows, metric)) fields.push_back(number_field(row.result, metric, "std"));
    }
    text += join(fields, ",") + "\n";
  }
  return text;
}

LinePlot sweep_plot(const std::vector<SweepAxis>& axes, const std::vector<SweepRow>& rows) {
  LinePlot plot;
  for (const auto& metric : all_metric_names(rows))
    plot.panels.push_back(panel_of(axes, rows, metric));
  return plot;
}

}  // namespace ddpm
