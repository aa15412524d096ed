#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
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
  double loss = 0.0;       // mean over the steps since the last line
  double grad_norm = 0.0;  // of the last step, before clipping
  double lr = 0.0;         // of the last step
  double images_per_second = 0.0;
  double seconds = 0.0;                 // of training so far, over all sessions
  std::optional<double> accuracy = {};  // of a classifier, over the same steps as the loss
  Scores scores = {};                   // of an evaluation at this step
};

/// Appends metrics to a file, one JSON object a line.
class MetricsLog {
 public:
  /// Opens the file, and drops lines of steps after `last_step`, which a resumed run makes again.
  /// `DiskError` if it cannot be written.
  MetricsLog(std::filesystem::path path, int64_t last_step);
  void write(const Metrics& metrics);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace ddpm
