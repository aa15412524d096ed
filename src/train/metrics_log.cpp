#include "ddpm/train/metrics_log.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace {

using nlohmann::json;

/// The lines up to `last_step`; a line cut off by a crash is dropped too.
std::string lines_up_to(const std::string& text, int64_t last_step) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!object.is_object() || object.value("step", int64_t{-1}) < 0) continue;
    if (object.value("step", int64_t{0}) <= last_step) kept += line + "\n";
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(std::filesystem::path path, int64_t last_step) : path_(std::move(path)) {
  if (std::filesystem::exists(path_)) {
    write_file_atomic(path_, lines_up_to(read_file(path_), last_step));
  }
  file_.open(path_, std::ios::app);
  if (!file_) throw DiskError(path_.string(), ": cannot write");
}

void MetricsLog::write(const Metrics& metrics) {
  nlohmann::ordered_json line = {
      {"step", metrics.step},      {"images", metrics.images},
      {"loss", metrics.loss},      {"grad_norm", metrics.grad_norm},
      {"lr", metrics.lr},          {"images_per_second", metrics.images_per_second},
      {"seconds", metrics.seconds}};
  if (metrics.accuracy) line["accuracy"] = *metrics.accuracy;
  for (const auto& [name, value] : metrics.scores)
    line[name] = value;
  file_ << line.dump() << std::endl;
  if (!file_) throw DiskError(path_.string(), ": cannot write");
}

}  // namespace ddpm
