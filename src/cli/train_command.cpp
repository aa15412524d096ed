#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ddpm/app/train_session.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/commands.h"
#include "ddpm/config/find_config.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/yaml.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

/// What is typed, and what it asks for.
struct TrainFlags {
  CommonFlags common;
  TrainRequest request;
  std::string config;
  std::string init_from;
  std::string run;
  std::string max_time;
  bool dry_run = false;
  bool print_config = false;
  int64_t profile_steps = 0;
};

/// Where the run goes: as told, or runs/NAME of the config file, or with --resume the newest run.
fs::path run_path(const TrainFlags& flags) {
  if (!flags.run.empty()) return clean_path(flags.run);
  if (!flags.config.empty()) return fs::path("runs") / fs::path(flags.config).stem();
  if (flags.request.resume) return find_newest_run("runs");
  if (!flags.init_from.empty()) throw UserError("--run DIR is missing: the folder of the new run");
  throw UserError("--config NAME is missing");
}

TrainRequest request_of(const TrainFlags& flags) {
  auto request = flags.request;
  request.run = run_path(flags);
  if (!flags.config.empty()) request.config = find_config(flags.config);
  request.init_from = flags.init_from;
  if (flags.max_time.empty()) return request;
  const auto seconds = parse_duration(flags.max_time);
  if (!seconds)
    throw UserError("expected a time such as 90s, 10m or 1h30m, got '", flags.max_time, "'");
  request.max_minutes = *seconds / 60.0;
  return request;
}

std::string resume_command(const TrainFlags& flags, const fs::path& run) {
  const auto& runtime = flags.request.runtime;
  std::vector<std::string> words{"ddpm", "train"};
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (!value.empty()) words.insert(words.end(), {flag, value});
  };
  add("--config", flags.config);
  if (!flags.config.empty()) add("--init-from", flags.init_from);
  for (const auto& [key, text] : flags.request.settings.texts())
    words.insert(words.end(), {"--" + key, text});
  if (runtime.precision) add("--train.precision", std::string(to_name(*runtime.precision)));
  add("--max-time", flags.max_time);
  add("--device", runtime.device == "auto" ? "" : runtime.device);
  add("--threads", flags.common.threads > 0 ? std::to_string(flags.common.threads) : "");
  if (!runtime.cuda_graph) words.emplace_back("--no-cuda-graph");
  if (runtime.cudnn_autotune) words.emplace_back("--cudnn-autotune");
  add("--run", run.string());
  words.emplace_back("--resume");
  for (auto& word : words)
    word = shell_quoted(word);
  return join(words, " ");
}

void show_plan(const TrainPlan& plan, bool as_json) {
  tell_data_warnings(plan);
  if (as_json) {
    std::cout << shown_json(to_json(plan)) << "\n";
    return;
  }
  for (const auto& line : plan_lines(plan))
    std::cout << without_controls(line) << "\n";
  std::cout << "\n" << to_yaml(plan.config);
}

void show_settings(const TrainRequest& request) {
  const auto checkpoint = request.resume ? RunDirectory(request.run).newest_checkpoint() : "";
  const Config config = resolve_settings(request, checkpoint);
  check_rules(config);
  std::cout << to_yaml(config);
}

void report_end(const TrainResult& result, const TrainFlags& flags, const fs::path& run) {
  if (result.end == RunEnd::kFinished)
    log_info("done: " + std::to_string(result.step) +
             " steps; --train.steps with a larger number "
             "and --resume go further");
  else
    log_notice(std::string(result.end == RunEnd::kTimeUp ? "time is up" : "stopped") + " at step " +
               std::to_string(result.step) + "; go on with: " + resume_command(flags, run));
  if (!flags.common.json) {
    std::cout << result.checkpoint.string() << "\n";
    return;
  }
  const char* const word = result.end == RunEnd::kFinished ? "finished"
                           : result.end == RunEnd::kTimeUp ? "time_up"
                                                           : "stopped";
  json object = {{"checkpoint", result.checkpoint.string()}, {"step", result.step}, {"end", word}};
  if (result.test_accuracy) object["test_accuracy"] = *result.test_accuracy;
  std::cout << shown_json(object) << "\n";
}

ExitCode run_train(const CLI::App& command, const TrainFlags& flags) {
  refuse_unknown_words(command, [](const std::vector<std::string>& words) {
    if (fs::is_directory(words[0])) return "say --config folder --data.root " + words[0];
    return "say --config " + words[0];
  });
  apply_common_flags(flags.common);
  const auto request = request_of(flags);
  if (flags.print_config) {
    show_settings(request);
    return ExitCode::kDone;
  }
  if (flags.dry_run) {
    show_plan(plan_training(request, RunUse::kLook), flags.common.json);
    return ExitCode::kDone;
  }
  if (flags.profile_steps > 0) {
    const auto found = profile(request, flags.profile_steps);
    std::cout << profile_table(found.operators, found.seconds, flags.profile_steps);
    return ExitCode::kDone;
  }
  try {
    const auto result = train(request, catch_stop_signals, [&](int64_t step) {
      log_notice(
          "step " + std::to_string(step) +
          " is kept; once the error is mended, go on with: " + resume_command(flags, request.run));
    });
    report_end(result, flags, request.run);
    return result.end == RunEnd::kStopped ? ExitCode::kStopped : ExitCode::kDone;
  } catch (const StopRequested& stop) {  // before the first step
    log_notice("stopped" + (stop.progress.empty() ? "" : "; " + stop.progress) +
               "; the same command goes on from there");
    return ExitCode::kStopped;
  }
}

/// `--train.seed random` stands for a seed that is drawn now, and kept by its number.
PutSetting put_or_draw_seed(TrainFlags& flags) {
  return [&flags](const std::string& key, const std::string& text) {
    const bool draws = key == "train.seed" && text == "random";
    if (draws) flags.common.drawn_seed = draw_seed();
    flags.request.settings.put(key, draws ? std::to_string(*flags.common.drawn_seed) : text);
  };
}

}  // namespace

void add_train_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<TrainFlags>();
  auto* const command = app.add_subcommand("train", "Train a model, or go on with one.");
  command
      ->add_option("-c,--config", flags->config,
                   "Settings: a file, or the name of one in configs/.")
      ->type_name("NAME|FILE");
  command
      ->add_option("--init-from", flags->init_from,
                   "Begin with the network and the weights of this model: a run, a checkpoint or a "
                   "diffusers folder. Data and classes may be others.")
      ->type_name("PATH");
  command->add_option("--run", flags->run, "Folder of the run (default runs/NAME).")
      ->type_name("DIR");
  command->add_flag("--resume", flags->request.resume,
                    "Go on from the run's last checkpoint; start fresh if there is none.");
  command
      ->add_option("--max-time", flags->max_time,
                   "Stop after this time, for example 10m. Without train.steps the learning "
                   "rate decays to its end in this time.")
      ->type_name("TIME");
  command->add_flag("--accept-changed-data", flags->request.accept_changed_data,
                    "With --resume, go on although the images are no longer the run's.");
  command->add_flag("--check-data", flags->request.check_data,
                    "Decode all images first, and name every broken file.");
  command->add_flag("--dry-run", flags->dry_run, "Show what would be done; touch nothing.");
  add_number_flag(*command,
                  {.names = "--profile",
                   .help = "Take this many steps, print where their time goes, and keep nothing.",
                   .range = {.min = 1, .max = 1e6},
                   .value_name = "STEPS"},
                  [flags](int64_t steps) { flags->profile_steps = steps; });
  command->add_flag("--print-config", flags->print_config, "Print the settings as YAML.");
  add_common_flags(*command, flags->common, flags->request.runtime);
  add_setting_flags(*command, put_or_draw_seed(*flags),
                    {"data", "model", "classifier", "diffusion", "train", "sample"});
  command->allow_extras();
  command->callback([command, flags, &exit_code] { exit_code = run_train(*command, *flags); });
}

}  // namespace ddpm
