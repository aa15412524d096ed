#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ddpm {

/// Numbers by name ("fd", "kid"). Of an evaluation the one that tells the best comes first: less is
/// better.
using Scores = std::vector<std::pair<std::string, double>>;

/// What a training run tells of itself at a step.
struct Metrics {
  int64_t step = 0;        // optimizer steps done
  int64_t images = 0;      // training images seen
  double loss = 0.0;       // mean over the steps since the last line that were not skipped
  double grad_norm = 0.0;  // of the last step, before clipping
  double lr = 0.0;         // of the last step
  double images_per_second = 0.0;
  double seconds = 0.0;       // of training so far, over all sessions
  int64_t skipped_steps = 0;  // so far: their loss or gradient was not finite
  int64_t skipped_files = 0;  // so far in this session: broken ones (`data.skip_bad`)
  Scores extras = {};         // the objective's, over the same steps as the loss
  Scores scores = {};         // of an evaluation at this step
};

/// Takes the metrics of a run: a file, a plot.
class MetricSink {
 public:
  virtual ~MetricSink() = default;
  /// A disk that does not take them is a warning.
  virtual void write(const Metrics& metrics) = 0;
  /// Puts what was written onto the disk: before a checkpoint, after which nobody makes it again.
  virtual void settle() = 0;
};

}  // namespace ddpm
