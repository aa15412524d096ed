#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "ddpm/cli/eval_run.h"

namespace ddpm {

/// The numbers as a table for people, and below it what they depend on.
std::string result_table(const EvalResult& result);

/// One object: each number as `{"value": ...}` under its name, and what all depend on.
nlohmann::ordered_json result_json(const EvalResult& result);

/// Where the result is kept: `--out`, else a free name in the run's folder `eval`; empty where
/// there is neither.
std::filesystem::path result_file(const EvalJob& job, const EvalFlags& flags);

/// Writes the result, and the picture of the closest pairs beside it.
void write_result(const EvalResult& result, const std::filesystem::path& path);

}  // namespace ddpm
