#include "ddpm/cli/train_command.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/cli/device.h"
#include "ddpm/cli/train_job.h"
#include "ddpm/cli/training_eval.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/yaml.h"
#include "ddpm/train/operator_profile.h"
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

using nlohmann::json;

void warn_of_inexact_resume(const TrainJob& job) {
  if (job.checkpoint.empty()) return;
  const auto state = load_training_state(job.checkpoint);
  const auto threads = at::get_num_threads();
  if (state.threads != threads || state.device != job.device.str()) {
    log_warning("the run had " + std::to_string(state.threads) + " threads on " + state.device +
                ", this session has " + std::to_string(threads) + " on " + job.device.str() +
                ": results will differ in the last bits");
  }
}

/// `word` as a shell reads it back.
std::string shell_quoted(const std::string& word) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("-_./:=,+", c); };
  if (!word.empty() && std::ranges::all_of(word, plain)) return word;
  std::string quoted = "'";
  for (const char c : word)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string resume_command(const TrainFlags& flags, const fs::path& run) {
  std::vector<std::string> words{"ddpm", "train"};
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {flag, value});
  };
  add("--config", flags.config);
  for (const auto& [key, text] : flags.settings)
    words.insert(words.end(), {"--" + key, text});
  add("--max-time", flags.max_time);
  add("--device", flags.common.device == "auto" ? "" : flags.common.device);
  add("--threads", flags.common.threads > 0 ? std::to_string(flags.common.threads) : "");
  if (flags.common.no_cuda_graph) words.emplace_back("--no-cuda-graph");
  if (flags.common.cudnn_autotune) words.emplace_back("--cudnn-autotune");
  add("--run", run.string());
  words.emplace_back("--resume");
  for (auto& word : words)
    word = shell_quoted(word);
  return join(words, " ");
}

/// Of a classifier that has come to its end, on the clean test images.
std::optional<double> measure_accuracy(const TrainJob& job, Trainer& trainer, RunEnd end) {
  if (job.config.train.task != Task::kClassifier || end == RunEnd::kStopped) return std::nullopt;
  const auto test = open_test_split(job.config.data);
  if (!test) {
    log_info("there is no test split to measure the accuracy on");
    return std::nullopt;
  }
  trainer.model().refresh_ema();
  const auto net = std::dynamic_pointer_cast<ClassifierImpl>(trainer.model().ema_net());
  NoisyClassifier classifier(Classifier(net), job.config.diffusion, job.device);
  const double accuracy = test_accuracy(classifier, *test);
  char text[96];
  std::snprintf(text, sizeof(text), "test accuracy %.2f %% on %lld clean images", 100.0 * accuracy,
                static_cast<long long>(test->info().images));
  log_info(text);
  return accuracy;
}

ExitCode report_end(RunEnd end, const TrainFlags& flags, const TrainJob& job,
                    const TrainingState& state, std::optional<double> accuracy) {
  const auto last = RunDirectory(job.run).last_link();
  if (end == RunEnd::kFinished) {
    log_info("done: " + std::to_string(state.step) +
             " steps; --train.steps with a larger number "
             "and --resume go further");
  }
  if (end != RunEnd::kFinished) {
    log_notice(std::string(end == RunEnd::kTimeUp ? "time is up" : "stopped") + " at step " +
               std::to_string(state.step) + "; go on with: " + resume_command(flags, job.run));
  }
  if (flags.common.json) {
    const char* const word = end == RunEnd::kFinished ? "finished"
                             : end == RunEnd::kTimeUp ? "time_up"
                                                      : "stopped";
    json result = {{"checkpoint", last.string()}, {"step", state.step}, {"end", word}};
    if (accuracy) result["test_accuracy"] = *accuracy;
    std::cout << shown_json(result) << "\n";
  } else {
    std::cout << last.string() << "\n";
  }
  return end == RunEnd::kStopped ? ExitCode::kStopped : ExitCode::kDone;
}

/// Takes some steps without a run folder and tells where their time goes.
void show_profile(TrainJob& job, int64_t steps) {
  if (job.config.train.precision == Precision::kAuto) {
    job.config.train.precision = probe_precision(job.config, job.device);
  }
  for (const auto& line : plan_lines(job))
    log_info(line);
  const auto profile = profile_training(job.config, *job.dataset, job.device, steps);
  std::cout << profile_table(profile.operators, profile.seconds, steps);
}

void set_aside_damaged(const TrainJob& job) {
  const RunDirectory run(job.run);
  for (const auto& checkpoint : job.damaged)
    log_warning("the damaged checkpoint is now " + run.set_aside(checkpoint).string());
}

/// A crash, or damage, may have left it at another checkpoint.
void mend_last_link(const RunDirectory& run, const fs::path& checkpoint) {
  std::error_code none;
  if (checkpoint.empty() || fs::read_symlink(run.last_link(), none) == checkpoint.filename())
    return;
  replace_link(checkpoint.filename(), run.last_link());
}

/// Makes the run's folder anew if it was moved or removed. `DiskError` if another run has its
/// place.
void keep_folder(const RunDirectory& run, RunLock& lock, const Config& config) {
  if (lock.is_there()) return;
  if (run.has_checkpoints())
    throw DiskError(run.path().string(), ": holds the checkpoints of another run now");
  make_folder(run.path());
  try {
    lock.take();
  } catch (const UserError& error) {
    throw DiskError(error.what());
  }
  run.create();
  write_file_atomic(run.config_file(), to_yaml(config));
  log_warning(run.path().string() +
              ": has vanished and is made anew; log.txt stays with the old one");
}

ExitCode train(const TrainFlags& given) {
  TrainFlags flags = given;
  flags.run = run_path(given).string();
  const RunDirectory run(flags.run);
  const bool trains = !flags.dry_run && flags.profile_steps == 0;
  std::optional<RunLock> lock;
  // What is read of a run must not change on the way. A fresh one is touched only once all is
  // checked.
  if (trains && flags.resume && run.has_checkpoints()) lock.emplace(run);
  TrainJob job = make_train_job(flags);
  if (flags.dry_run) {
    show_plan(job, flags.common.json);
    return ExitCode::kDone;
  }
  if (flags.profile_steps > 0) {
    show_profile(job, flags.profile_steps);
    return ExitCode::kDone;
  }
  make_folder(run.path());
  if (!lock) lock.emplace(run);
  run.create(lock->is_exclusive() ? Leftovers::kAll : Leftovers::kOfEnded);
  const auto newest = job.damaged.empty() ? job.checkpoint : job.damaged.front();
  if (run.newest_checkpoint() != newest)
    throw UserError(run.path().string(), ": another ddpm has just trained in this folder");
  add_log_file(run.log_file());
  set_aside_damaged(job);
  mend_last_link(run, job.checkpoint);
  if (job.config.train.precision == Precision::kAuto) {
    job.config.train.precision = probe_precision(job.config, job.device);
  }
  for (const auto& line : plan_lines(job))
    log_info(line);
  warn_of_inexact_resume(job);
  catch_stop_signals();
  Trainer::Evaluate evaluate;
  if (job.config.train.eval_every > 0) {
    evaluate = make_training_evaluation(job.config, *job.dataset, job.device);
  }
  const auto graphs = make_graph_factory(job.device, flags.common.no_cuda_graph);
  Trainer trainer(job.config, *job.dataset, job.run, job.device, job.checkpoint, graphs);
  trainer.evaluate_with(std::move(evaluate));
  trainer.guard_with([&] { keep_folder(run, *lock, job.config); });
  write_file_atomic(run.config_file(), to_yaml(job.config));
  const RunEnd end = trainer.run();
  const auto accuracy = measure_accuracy(job, trainer, end);
  return report_end(end, flags, job, trainer.state(), accuracy);
}

ExitCode run_train(const CLI::App& command, TrainFlags& flags) {
  refuse_unknown_words(command);
  apply_common_flags(flags.common);
  if (!flags.common.precision.empty()) {
    flags.settings["train.precision"] = flags.common.precision;
  }
  if (flags.print_config) {
    const auto checkpoint = flags.resume ? RunDirectory(run_path(flags)).newest_checkpoint() : "";
    const Config config = settings_of(flags, checkpoint);
    check_rules(config);
    std::cout << to_yaml(config);
    return ExitCode::kDone;
  }
  try {
    return train(flags);
  } catch (const StopRequested& stop) {  // before the first step
    log_notice("stopped" + (stop.progress.empty() ? "" : "; " + stop.progress) +
               "; the same command goes on from there");
    return ExitCode::kStopped;
  }
}

}  // namespace

void add_train_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  auto* const command = app.add_subcommand("train", "Train a model, or go on with one.");
  command
      ->add_option("-c,--config", flags->config,
                   "Settings: a file, or the name of one in configs/.")
      ->type_name("NAME|FILE");
  command->add_option("--run", flags->run, "Folder of the run (default runs/NAME).")
      ->type_name("DIR");
  command->add_flag("--resume", flags->resume,
                    "Go on from the run's last checkpoint; start fresh if there is none.");
  command
      ->add_option("--max-time", flags->max_time,
                   "Stop after this time, for example 10m. Without train.steps the learning "
                   "rate decays to its end in this time.")
      ->type_name("TIME");
  command->add_flag("--dry-run", flags->dry_run, "Show what would be done; touch nothing.");
  command
      ->add_option("--profile", flags->profile_steps,
                   "Take this many steps, print where their time goes, and keep nothing.")
      ->type_name("STEPS")
      ->check(CLI::PositiveNumber);
  command->add_flag("--print-config", flags->print_config, "Print the settings as YAML.");
  add_common_flags(*command, flags->common);
  add_setting_flags(*command, flags->settings,
                    {"data", "model", "classifier", "diffusion", "train", "sample"});
  command->allow_extras();
  command->callback([command, flags, &exit_code] { exit_code = run_train(*command, *flags); });
}

}  // namespace ddpm
