#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ddpm/cli/eval_job.h"

namespace ddpm {

/// One thing that a sweep changes, and its values in turn.
struct SweepAxis {
  std::string name;  // "checkpoint", "seed", or a setting of the section sample without its section
  std::vector<std::string> values;
};

/// The axes of `--sweep NAME=A,B,...` flags. `UserError` for an unknown name, which tells the
/// nearest, for one given twice, and for one without values.
std::vector<SweepAxis> parse_sweeps(const std::vector<std::string>& texts);

/// One cell of a sweep: values by axis, in the order of the axes.
using SweepCell = std::vector<std::pair<std::string, std::string>>;

/// All combinations; the last axis turns fastest.
std::vector<SweepCell> sweep_cells(const std::vector<SweepAxis>& axes);

/// The flags of one cell.
EvalFlags flags_of(const EvalFlags& flags, const SweepCell& cell);

/// Scores every cell that is not in the results file yet, and writes the file after each: a sweep
/// that was stopped goes on with the same command. In the end there are a table (CSV), the results
/// (JSON) and a plot (SVG), whose paths are printed, with `--json` the results instead. All cells
/// are checked before the first is scored. `StopRequested`.
void run_sweep(const EvalFlags& flags);

}  // namespace ddpm
