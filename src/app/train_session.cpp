#include "ddpm/app/train_session.h"

#include <utility>

#include <torch/types.h>

#include "ddpm/app/training_evaluation.h"
#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/yaml.h"
#include "ddpm/data/held_out.h"
#include "ddpm/runtime/device.h"
#include "ddpm/train/objective_table.h"
#include "ddpm/train/plan.h"
#include "ddpm/train/test_accuracy.h"
#include "ddpm/train/trainer.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

void warn_of_inexact_resume(const TrainPlan& plan) {
  if (plan.checkpoint.empty()) return;
  const auto state = load_training_state(plan.checkpoint);
  const auto threads = at::get_num_threads();
  if (state.threads != threads || state.device != plan.device.str()) {
    log_warning("the run had " + std::to_string(state.threads) + " threads on " + state.device +
                ", this session has " + std::to_string(threads) + " on " + plan.device.str() +
                ": results will differ in the last bits");
  }
}

/// Measures a classifier that has come to its end on the clean test images.
std::optional<double> measure_accuracy(const TrainPlan& plan, Trainer& trainer, RunEnd end) {
  const bool answers_classes = objective_kind(plan.config.train.task).answers_classes;
  if (!answers_classes || end == RunEnd::kStopped) return std::nullopt;
  HeldOutImages held_out;
  if (!plan.own_dataset) held_out = open_held_out(plan.config.data, HeldOutUse::kTraining);
  if (!held_out.images) {
    log_info("there is no val or test split to measure the accuracy on");
    return std::nullopt;
  }
  trainer.model().refresh_ema();
  const double accuracy = test_accuracy(*trainer.model().ema_net(), plan.config.diffusion,
                                        *held_out.images, plan.device);
  log_info(held_out.split + " accuracy " + format_fixed(100.0 * accuracy, 2) + " % on " +
           std::to_string(held_out.images->info().images) + " clean images");
  return accuracy;
}

void set_aside_damaged(const TrainPlan& plan) {
  const RunDirectory run(plan.run);
  for (const auto& checkpoint : plan.damaged)
    log_warning("the damaged checkpoint is now " + run.set_aside(checkpoint).string());
}

/// A crash, or damage, may have left it at another checkpoint.
void mend_last_link(const RunDirectory& run, const fs::path& checkpoint) {
  std::error_code none;
  if (checkpoint.empty() || fs::read_symlink(run.last_link(), none) == checkpoint.filename())
    return;
  replace_link(checkpoint.filename(), run.last_link());
}

/// The plan, with a precision chosen by trying where the settings leave it open; told on the log.
void resolve_precision(TrainPlan& plan) {
  if (plan.config.train.precision == Precision::kAuto)
    plan.config.train.precision = probe_precision(plan.config, plan.device);
  for (const auto& line : plan_lines(plan))
    log_info(line);
  tell_data_warnings(plan);
}

/// Makes and locks the run's folder for this session.
void take_folder(const RunDirectory& run, std::optional<RunLock>& lock, const TrainPlan& plan) {
  make_folder(run.path());
  if (!lock) lock.emplace(run);
  run.create(lock->is_exclusive() ? Leftovers::kAll : Leftovers::kOfEnded);
  const auto newest = plan.damaged.empty() ? plan.checkpoint : plan.damaged.front();
  if (run.newest_checkpoint() != newest)
    throw UserError(run.path().string(), ": another ddpm has just trained in this folder");
}

void tell_skipped_files(const Dataset& dataset) {
  const auto skipped = dataset.skipped();
  if (skipped == 0) return;
  log_warning("data: " + std::to_string(skipped) + " broken files were skipped (data.skip_bad)");
}

}  // namespace

TrainResult train(const TrainRequest& request, const std::function<void()>& begin) {
  const StopScope stop(request.runtime.stop);
  const RunDirectory run(request.run);
  std::optional<RunLock> lock;
  if (request.resume && run.has_checkpoints()) lock.emplace(run);
  TrainPlan plan = plan_training(request, RunUse::kTrain);
  const DeviceScope device(plan.device, plan.config.train.precision, plan.cudnn_autotune);
  take_folder(run, lock, plan);
  const LogFile log(run.log_file());
  set_aside_damaged(plan);
  mend_last_link(run, plan.checkpoint);
  resolve_precision(plan);
  warn_of_inexact_resume(plan);
  begin();
  Evaluate evaluate;
  if (plan.config.train.eval_every > 0)
    evaluate = make_training_evaluation(plan.config, *plan.dataset, plan.device);
  const auto graphs = make_graph_factory(plan.device, plan.cuda_graph);
  const auto settings = to_yaml(plan.config);
  RunFolder folder(run, *lock, settings);
  Trainer trainer(plan.config, *plan.data, folder,
                  {.device = plan.device,
                   .checkpoint = plan.checkpoint,
                   .start = std::move(plan.start),
                   .graphs = graphs});
  trainer.evaluate_with(std::move(evaluate));
  write_file_atomic(run.config_file(), settings);
  const RunEnd end = trainer.run();
  tell_skipped_files(*plan.dataset);
  return {.end = end,
          .checkpoint = run.last_link(),
          .step = trainer.state().step,
          .test_accuracy = measure_accuracy(plan, trainer, end)};
}

TrainingProfile profile(const TrainRequest& request, int64_t steps) {
  TrainPlan plan = plan_training(request, RunUse::kLook);
  const DeviceScope device(plan.device, plan.config.train.precision, plan.cudnn_autotune);
  resolve_precision(plan);
  return profile_training(plan.config, *plan.data, plan.device, steps);
}

}  // namespace ddpm
