#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/eval/sweep_axis.h"
#include "ddpm/util/svg_plot.h"

namespace ddpm {

/// A finished cell: its place in the sweep and the JSON object of its result.
struct SweepRow {
  SweepCell cell;
  nlohmann::ordered_json result;
};

/// What a sweep has given so far.
struct SweepResults {
  std::vector<SweepRow> rows;
  nlohmann::ordered_json content;  // of its results file: these cells, and those of other sweeps
};

/// The names of the numbers of a result, in its order: "fd", "kid", ...
std::vector<std::string> metric_names(const nlohmann::ordered_json& result);

/// A table with a line a cell: the axes, then for each metric its value and, if it has one, its
/// deviation.
std::string sweep_csv(const std::vector<SweepRow>& rows);

/// A panel a metric. Along x the steps, or guidance, or else the first axis of numbers; a line for
/// each combination of the other axes. Without an axis of numbers, cells are numbered along x.
LinePlot sweep_plot(const std::vector<SweepAxis>& axes, const std::vector<SweepRow>& rows);

}  // namespace ddpm
