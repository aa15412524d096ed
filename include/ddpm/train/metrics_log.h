#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/util/metric_sink.h"

namespace ddpm {

/// Appends metrics to a run's `metrics.jsonl`, one JSON object a line.
class MetricsLog : public MetricSink {
 public:
  /// Drops from the file lines of steps after `last_step`, which a resumed run makes again, and a
  /// line that a crash has cut off. `DiskError` if it cannot be written. `folder` must outlive
  /// this.
  MetricsLog(RunFolder& folder, int64_t last_step);
  /// Lines that the disk does not take, with a warning, are written with a later one.
  void write(const Metrics& metrics) override;
  /// Writes the lines that wait, if the disk takes them now, and syncs the file.
  void settle() override;

 private:
  /// `DiskError`.
  void append_waiting();

  RunFolder& folder_;
  std::filesystem::path path_;
  std::string waiting_;  // lines not yet written
};

}  // namespace ddpm
