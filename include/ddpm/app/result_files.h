#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/app/eval_run.h"
#include "ddpm/eval/sweep_results.h"

namespace ddpm {

/// The file that the result is kept in: the one that was asked for, else a free name in the run's
/// folder `eval`; empty where there is neither.
std::filesystem::path result_file(const EvalPlan& plan);

/// Writes the result, and the picture of the closest pairs beside it. `DiskError`.
void write_result(const EvalResult& result, const std::filesystem::path& path);

/// The results of sweeps, by key, in a file with a table and a plot beside it.
class SweepFile {
 public:
  /// `base` is their path without ending. `UserError` if a person `given` it and it is that of
  /// other files, which are not replaced; `DataError` for a file that is none of a sweep.
  SweepFile(const std::filesystem::path& base, bool given);

  std::string json_path() const { return base_ + ".json"; }

  /// The result of a cell; null if there is none yet.
  const nlohmann::ordered_json* find(const std::string& key) const;
  /// Adds a cell and writes the file. `DiskError`.
  void put(const std::string& key, const SweepCell& cell, const EvalResult& result);
  /// Writes the table and the plot. `DiskError`.
  void write_pictures(const std::vector<SweepAxis>& axes, const std::vector<SweepRow>& rows) const;

  const nlohmann::ordered_json& content() const { return content_; }

 private:
  std::string base_;
  nlohmann::ordered_json content_ = {{"cells", nlohmann::ordered_json::object()}};
};

}  // namespace ddpm
