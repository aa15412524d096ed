#include "ddpm/app/train_session.h"

#include <utility>

#include <torch/types.h>

#include "ddpm/app/train_outlook.h"
#include "ddpm/app/training_evaluation.h"
#include "ddpm/checkpoint/run_folder.h"
#include "ddpm/checkpoint/run_links.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/yaml.h"
#include "ddpm/data/held_out.h"
#include "ddpm/runtime/device.h"
#include "ddpm/train/learning_rate.h"
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

/// Opens the log of the run, if that can be.
void open_log(std::optional<LogFile>& log, const RunDirectory& run) {
  try {
    log.emplace(run.log_file());
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) + "; the run goes on without it");
  }
}

/// The run's newest checkpoint by the name that stays.
fs::path last_checkpoint(const RunDirectory& run) {
  const auto newest = run.newest_checkpoint();
  return pointed_at(run.last_link()) == newest.filename() ? run.last_link() : newest;
}

/// Says how other settings have moved the learning rate from where the run had it.
void tell_learning_rate(const TrainPlan& plan, const Trainer& trainer) {
  if (plan.checkpoint.empty()) return;
  const auto before = load_checkpoint_config(plan.checkpoint).train;
  const auto state = load_training_state(plan.checkpoint);
  const double was =
      learning_rate(before, state.step, {state.total_steps, state.decay_start, state.decay_done});
  const double is = trainer.next_learning_rate();
  if (was == is) return;
  log_info("the learning rate goes on at " + format_number(is) + "; it would have been " +
           format_number(was) + " as the run was");
}

/// Trains until the session's end; says before an error goes on its way whether it lost no step.
RunEnd take_steps(Trainer& trainer, const std::function<void(int64_t)>& kept) {
  try {
    return trainer.run();
  } catch (...) {  // it is for the caller
    if (trainer.is_kept()) kept(trainer.state().step);
    throw;
  }
}

/// The plan, with a precision chosen by trying where the settings leave it open; told on the log,
/// with what a fresh run on a CPU will come to.
void resolve_precision(TrainPlan& plan) {
  auto& precision = plan.config.train.precision;
  const bool tells_speed = plan.checkpoint.empty() && plan.device.is_cpu();
  StepProbe probe;
  if (tells_speed || precision == Precision::kAuto) {
    probe = probe_step(plan.config, plan.device);
    precision = probe.precision;
  }
  for (const auto& line : plan_lines(plan))
    log_info(line);
  tell_data_warnings(plan);
  if (!tells_speed) return;
  log_info(outlook_line(plan, probe.seconds));
  const auto warning = outlook_warning(plan, probe.seconds);
  if (!warning.empty()) log_warning(warning);
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

TrainResult train(const TrainRequest& request, const std::function<void()>& begin,
                  const std::function<void(int64_t step)>& kept) {
  const StopScope stop(request.runtime.stop);
  const RunDirectory run(request.run);
  std::optional<RunLock> lock;
  if (request.resume && run.has_checkpoints()) lock.emplace(run);
  TrainPlan plan = plan_training(request, RunUse::kTrain);
  const DeviceScope device(plan.device, plan.config.train.precision, plan.cudnn_autotune);
  take_folder(run, lock, plan);
  std::optional<LogFile> log;
  open_log(log, run);
  set_aside_damaged(plan);
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
  tell_learning_rate(plan, trainer);
  const RunEnd end = take_steps(trainer, kept);
  tell_skipped_files(*plan.dataset);
  return {.end = end,
          .checkpoint = last_checkpoint(run),
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
