#include "ddpm/train/metrics_log.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace {

using nlohmann::json;

/// The lines up to `last_step`; a line cut off by a crash is dropped too.
std::string lines_up_to(const std::string& text, int64_t last_step) {
  std::istringstream lines(text);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
    const json step = object.is_object() ? object.value("step", json()) : json();
    if (step.is_number_integer() && step.get<int64_t>() <= last_step) kept += line + "\n";
  }
  return kept;
}

}  // namespace

MetricsLog::MetricsLog(RunFolder& folder, int64_t last_step)
    : folder_(folder),
      path_(folder.directory().metrics_file()) {
  if (std::filesystem::exists(path_)) {
    write_file_atomic(path_, lines_up_to(read_file(path_), last_step));
  }
  append_to_file(path_, "");
}

void MetricsLog::write(const Metrics& metrics) {
  nlohmann::ordered_json line = {
      {"step", metrics.step},       {"images", metrics.images},
      {"loss", metrics.loss},       {"grad_norm", metrics.grad_norm},
      {"lr", metrics.lr},           {"images_per_second", metrics.images_per_second},
      {"seconds", metrics.seconds}, {"skipped_steps", metrics.skipped_steps}};
  if (metrics.skipped_files > 0) line["skipped_files"] = metrics.skipped_files;
  for (const auto* numbers : {&metrics.extras, &metrics.scores})
    for (const auto& [name, value] : *numbers)
      line[name] = value;
  const bool first = waiting_.empty();
  waiting_ += line.dump() + "\n";
  try {
    append_waiting();
  } catch (const DiskError& error) {
    if (first) log_warning(std::string(error.what()) + "; its lines wait");
  }
}

void MetricsLog::settle() {
  try {
    if (!waiting_.empty()) append_waiting();
    sync_to_disk(path_);
  } catch (const DiskError& error) {
    // Lines that wait still do, as was told when the disk did not take the first of them.
    if (waiting_.empty()) log_warning(error.what());
  }
}

void MetricsLog::append_waiting() {
  folder_.ensure();
  append_to_file(path_, waiting_);
  waiting_.clear();
}

}  // namespace ddpm
