#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ddpm {

/// Numbers of an evaluation by name ("fd", "kid"), the one that tells the best first: less is
/// better.
using Scores = std::vector<std::pair<std::string, double>>;

/// One line of `metrics.jsonl`.
struct Metrics {
  int64_t step = 0;        // optimizer steps done
  int64_t images = 0;      // training images seen
  double loss = 0.0;       // mean over the steps since the last line that were not skipped
  double grad_norm = 0.0;  // of the last step, before clipping
  double lr = 0.0;         // of the last step
  double images_per_second = 0.0;
  double seconds = 0.0;                 // of training so far, over all sessions
  int64_t skipped_steps = 0;            // so far: their loss or gradient was not finite
  std::optional<double> accuracy = {};  // of a classifier, over the same steps as the loss
  Scores scores = {};                   // of an evaluation at this step
};

/// Appends metrics to a file, one JSON object a line.
class MetricsLog {
 public:
  /// Drops from the file lines of steps after `last_step`, which a resumed run makes again, and a
  /// line that a crash has cut off. `DiskError` if it cannot be written.
  MetricsLog(std::filesystem::path path, int64_t last_step);
  /// Lines that the disk does not take, with a warning, are written with a later one. So they are
  /// if `guard`, called before, throws a `DiskError`.
  void write(
      const Metrics& metrics, const std::function<void()>& guard = [] {});
  /// Writes the lines that wait, if the disk takes them now, and syncs the file: before a
  /// checkpoint, after which nobody makes them again.
  void settle(const std::function<void()>& guard = [] {});

 private:
  /// `DiskError`.
  void append_waiting(const std::function<void()>& guard);

  std::filesystem::path path_;
  std::string waiting_;  // lines not yet written
};

}  // namespace ddpm
