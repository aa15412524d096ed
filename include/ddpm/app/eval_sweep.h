#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ddpm/eval/sweep_results.h"

namespace ddpm {

struct EvalRequest;

/// Reads a text NAME=A,B,... as an axis. `UserError` for an unknown name, which tells the nearest,
/// and for one without values.
SweepAxis parse_sweep(const std::string& text);

/// All combinations of the axes' values; the last axis turns fastest.
std::vector<SweepCell> sweep_cells(const std::vector<SweepAxis>& axes);

/// The request of one cell alone.
EvalRequest with(const EvalRequest& request, const SweepCell& cell);

/// Takes the rows of a sweep: once, when all cells have their numbers, or when the disk takes no
/// more of them.
using ShowSweep = std::function<void(const SweepResults& results)>;

/// Scores every cell that is not in the results file yet, and writes the file after each, so that
/// the same sweep goes on after a stop. In the end there are a table (CSV), the results (JSON) and
/// a plot (SVG) beside each other. All cells are planned before the first is scored, and each model
/// is opened once. `StopRequested`; errors as of an evaluation.
void run_sweep(const EvalRequest& request, const ShowSweep& show);

}  // namespace ddpm
