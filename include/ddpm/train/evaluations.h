#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "ddpm/sample/generator.h"
#include "ddpm/train/checkpoints.h"
#include "ddpm/train/ema_generator.h"
#include "ddpm/train/metric_lines.h"
#include "ddpm/train/run_hook.h"
#include "ddpm/util/metric_sink.h"

namespace ddpm {

/// Scores images that the generator draws with the averaged weights; gives nothing if it was
/// stopped. Must leave LibTorch's random generator alone.
using Evaluate = std::function<std::optional<Scores>(Generator& generator)>;

/// Evaluates the model every `train.eval_every` steps, at the end, and where time is up if the last
/// evaluation is long ago: writes the scores with the metrics of the step, and keeps the checkpoint
/// with the lowest first one as `checkpoints/best`.
class Evaluations : public RunHook {
 public:
  /// All but `train` and `evaluate` must outlive this.
  Evaluations(const TrainConfig& train, Evaluate evaluate, EmaGenerator& generator,
              MetricLines& lines, Checkpoints& checkpoints);

  bool due(const Decision& now) const override;
  /// One that someone stops, or that fails, is left, with its line of metrics, to the session that
  /// goes on: `evaluation_due` of the state.
  void run(RunView& view) override;
  Preview preview() const override { return preview_; }

 private:
  std::optional<Scores> score(int64_t step);
  void keep_if_best(RunView& view, const Scores& scores);

  Preview preview_;
  Evaluate evaluate_;
  EmaGenerator& generator_;
  MetricLines& lines_;
  Checkpoints& checkpoints_;
  int64_t scored_step_ = 0;
};

}  // namespace ddpm
