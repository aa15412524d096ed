#include "ddpm/cli/train_command.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <ranges>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/device.h"
#include "ddpm/cli/training_eval.h"
#include "ddpm/config/find_config.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
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

struct TrainFlags {
  CommonFlags common;
  SettingFlags settings;
  std::string config;
  std::string run;
  std::string max_time;
  bool resume = false;
  bool dry_run = false;
  bool print_config = false;
  int64_t profile_steps = 0;
};

/// Everything a run needs, settled before anything is written.
struct Plan {
  Config config;
  std::unique_ptr<Dataset> dataset;
  fs::path run;
  fs::path checkpoint;            // to go on from; empty for a fresh start
  std::vector<fs::path> damaged;  // newer ones that it cannot go on from
  torch::Device device = torch::kCPU;
  int64_t parameters = 0;
  Cost cost;
};

/// Where the run goes: as told, or runs/NAME of the config file, or with --resume the newest run.
fs::path run_path(const TrainFlags& flags) {
  if (!flags.run.empty()) return clean_path(flags.run);
  if (!flags.config.empty()) return fs::path("runs") / fs::path(flags.config).stem();
  if (flags.resume) return find_newest_run("runs");
  throw UserError("--config NAME is missing");
}

/// Refuses to train over a run, or over files that are none.
void check_run_is_free(const TrainFlags& flags, const RunDirectory& run) {
  if (run.has_checkpoints() && !flags.resume) {
    throw UserError(run.path().string(),
                    ": holds checkpoints already; go on with --resume, or give "
                    "another folder with --run DIR");
  }
  if (run.holds_other_files()) {
    throw UserError(run.path().string(),
                    ": is no run but holds config.yaml, metrics.jsonl or log.txt, "
                    "which a run would replace; give another folder with --run DIR");
  }
}

/// The newest checkpoint that training can go on from; empty if the run has none at all.
fs::path newest_whole_checkpoint(const RunDirectory& run, std::vector<fs::path>& damaged) {
  for (const int64_t step : std::views::reverse(run.checkpoint_steps())) {
    const auto checkpoint = run.checkpoint(step);
    try {
      check_training_checkpoint(checkpoint);
      return checkpoint;
    } catch (const CheckpointError& error) {
      log_warning(error.what());
      damaged.push_back(checkpoint);
    }
  }
  if (!damaged.empty())
    throw CheckpointError(run.path().string(), ": none of the run's checkpoints is whole; they are "
                                               "left as they are");
  return {};
}

Config settings_of(const TrainFlags& flags, const fs::path& checkpoint) {
  Config config;
  if (!flags.config.empty()) {
    config = load_config(find_config(flags.config, executable_path()));
  } else if (!checkpoint.empty()) {
    config = load_checkpoint_config(checkpoint);
  } else {
    throw UserError(run_path(flags).string(),
                    ": no run to go on with; give --config NAME to start "
                    "one");
  }
  for (const auto& [key, text] : flags.settings)
    set_setting(config, key, text, "command line");
  if (!flags.max_time.empty()) config.train.max_minutes = parse_duration(flags.max_time) / 60.0;
  return config;
}

/// A resumed run keeps what its tensors and its order of images depend on; other changes are told.
void check_resume(Config& config, const fs::path& checkpoint) {
  const Config before = load_checkpoint_config(checkpoint);
  if (config.train.precision == Precision::kAuto) config.train.precision = before.train.precision;
  std::vector<std::string> fixed;
  for (const auto& change : changed_settings(before, config)) {
    const auto text = change.key + " was " + change.before + ", now " + change.after;
    if (change.on_resume == OnResume::kFixed) fixed.push_back(text);
    if (change.on_resume == OnResume::kFree) log_info("changed: " + text);
  }
  if (fixed.empty()) return;
  throw UserError(checkpoint.string(), ": cannot go on with other settings: ", join(fixed, "; "));
}

/// The data must still have the shape and the classes that the model was made for.
void check_same_model(const Config& config, const fs::path& checkpoint) {
  const json before = load_json(network_config_file(checkpoint, config.train.task));
  const json now = network_config_to_json(config);
  for (const auto& [key, value] : now.items()) {
    const json old = before.value(key, json(nullptr));
    if (old == value) continue;
    throw UserError(checkpoint.string(), ": cannot go on with other data or label dropout: ", key,
                    " was ", old.dump(), ", now ", value.dump());
  }
  if (before.size() != now.size()) {
    throw UserError(checkpoint.string(), ": cannot go on with other data or label dropout");
  }
}

void check_end(const Config& config) {
  if (config.train.steps || config.train.max_minutes > 0) return;
  throw UserError("no end is set: give --max-time (for example 30m) or --train.steps");
}

Plan make_plan(const TrainFlags& flags) {
  Plan plan;
  plan.run = run_path(flags);
  const RunDirectory run(plan.run);
  if (flags.resume) plan.checkpoint = newest_whole_checkpoint(run, plan.damaged);
  plan.config = settings_of(flags, plan.checkpoint);
  check_rules(plan.config);
  check_end(plan.config);
  if (!flags.dry_run && flags.profile_steps == 0) check_run_is_free(flags, run);
  if (!plan.checkpoint.empty()) check_resume(plan.config, plan.checkpoint);
  plan.device = select_device(flags.common.device, flags.common.cudnn_autotune);
  apply_precision(plan.config.train.precision, plan.device);
  plan.dataset = open_dataset(plan.config.data);
  plan.config = complete_config(plan.config, plan.dataset->info());
  if (!plan.checkpoint.empty()) check_same_model(plan.config, plan.checkpoint);
  check_guidance(plan.config.model, plan.config.sample);
  const auto net = make_network(plan.config);
  plan.parameters = net->parameter_count();
  plan.cost = net->cost(plan.dataset->info().height, plan.dataset->info().width);
  return plan;
}

json plan_json(const Plan& plan) {
  const auto& data = plan.dataset->info();
  return {{"parameters", plan.parameters},
          {"macs_per_image", plan.cost.macs},
          {"memory_bytes", estimate_training_bytes(plan.config, plan.device, plan.parameters,
                                                   plan.cost.activations)},
          {"dataset",
           {{"name", data.name},
            {"where", data.where},
            {"images", data.images},
            {"shape", {data.channels, data.height, data.width}},
            {"classes", data.num_classes},
            {"skipped", plan.dataset->skipped()}}},
          {"run", plan.run.string()},
          {"resume_from", plan.checkpoint.string()},
          {"device", plan.device.str()},
          {"precision", to_name(plan.config.train.precision)}};
}

std::vector<std::string> plan_lines(const Plan& plan) {
  const auto& data = plan.dataset->info();
  const auto& train = plan.config.train;
  const auto memory =
      estimate_training_bytes(plan.config, plan.device, plan.parameters, plan.cost.activations);
  std::string images = std::to_string(data.images) + " images of " + std::to_string(data.height) +
                       "x" + std::to_string(data.width) + "x" + std::to_string(data.channels);
  if (data.num_classes > 0) images += ", " + std::to_string(data.num_classes) + " classes";
  if (const auto skipped = plan.dataset->skipped(); skipped > 0) {
    images += ", " + std::to_string(skipped) + " broken ones skipped";
  }
  char size[96];
  std::snprintf(size, sizeof(size), "%.2f million parameters, %.3f GMAC an image",
                static_cast<double>(plan.parameters) / 1e6,
                static_cast<double>(plan.cost.macs) / 1e9);
  const auto length = train.steps ? std::to_string(*train.steps) + " steps"
                                  : format_duration(60 * train.max_minutes);
  return {"data    " + data.name + ": " + images + " (" + data.where + ")",
          "model   " + std::string(size),
          "train   " + length + ", batch " + std::to_string(train.batch_size) + ", about " +
              format_bytes(static_cast<double>(memory)) + " of memory",
          "device  " + describe_device(plan.device) + ", precision " +
              std::string(to_name(train.precision)),
          "run     " + plan.run.string() +
              (plan.checkpoint.empty() ? ""
                                       : ", going on from " + plan.checkpoint.filename().string())};
}

void show_plan(const Plan& plan, bool as_json) {
  if (as_json) {
    std::cout << plan_json(plan).dump(2) << "\n";
    return;
  }
  for (const auto& line : plan_lines(plan))
    std::cout << line << "\n";
  std::cout << "\n" << to_yaml(plan.config);
}

void warn_of_inexact_resume(const Plan& plan) {
  if (plan.checkpoint.empty()) return;
  const auto state = load_training_state(plan.checkpoint);
  const auto threads = at::get_num_threads();
  if (state.threads != threads || state.device != plan.device.str()) {
    log_warning("the run had " + std::to_string(state.threads) + " threads on " + state.device +
                ", this session has " + std::to_string(threads) + " on " + plan.device.str() +
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
std::optional<double> measure_accuracy(const Plan& plan, Trainer& trainer, RunEnd end) {
  if (plan.config.train.task != Task::kClassifier || end == RunEnd::kStopped) return std::nullopt;
  const auto test = open_test_split(plan.config.data);
  if (!test) {
    log_info("there is no test split to measure the accuracy on");
    return std::nullopt;
  }
  trainer.model().refresh_ema();
  const auto net = std::dynamic_pointer_cast<ClassifierImpl>(trainer.model().ema_net());
  NoisyClassifier classifier(Classifier(net), plan.config.diffusion, plan.device);
  const double accuracy = test_accuracy(classifier, *test);
  char text[96];
  std::snprintf(text, sizeof(text), "test accuracy %.2f %% on %lld clean images", 100.0 * accuracy,
                static_cast<long long>(test->info().images));
  log_info(text);
  return accuracy;
}

ExitCode report_end(RunEnd end, const TrainFlags& flags, const Plan& plan,
                    const TrainingState& state, std::optional<double> accuracy) {
  const auto last = RunDirectory(plan.run).last_link();
  if (end == RunEnd::kFinished) {
    log_info("done: " + std::to_string(state.step) +
             " steps; --train.steps with a larger number "
             "and --resume go further");
  }
  if (end != RunEnd::kFinished) {
    log_notice(std::string(end == RunEnd::kTimeUp ? "time is up" : "stopped") + " at step " +
               std::to_string(state.step) + "; go on with: " + resume_command(flags, plan.run));
  }
  if (flags.common.json) {
    const char* const word = end == RunEnd::kFinished ? "finished"
                             : end == RunEnd::kTimeUp ? "time_up"
                                                      : "stopped";
    json result = {{"checkpoint", last.string()}, {"step", state.step}, {"end", word}};
    if (accuracy) result["test_accuracy"] = *accuracy;
    std::cout << result.dump(2) << "\n";
  } else {
    std::cout << last.string() << "\n";
  }
  return end == RunEnd::kStopped ? ExitCode::kStopped : ExitCode::kDone;
}

/// Takes some steps without a run folder and tells where their time goes.
void show_profile(Plan& plan, int64_t steps) {
  if (plan.config.train.precision == Precision::kAuto) {
    plan.config.train.precision = probe_precision(plan.config, plan.device);
  }
  for (const auto& line : plan_lines(plan))
    log_info(line);
  const auto profile = profile_training(plan.config, *plan.dataset, plan.device, steps);
  std::cout << profile_table(profile.operators, profile.seconds, steps);
}

void set_aside_damaged(const Plan& plan) {
  const RunDirectory run(plan.run);
  for (const auto& checkpoint : plan.damaged)
    log_warning("the damaged checkpoint is now " + run.set_aside(checkpoint).string());
  if (!plan.damaged.empty()) replace_link(plan.checkpoint.filename(), run.last_link());
}

ExitCode train(const TrainFlags& flags) {
  Plan plan = make_plan(flags);
  if (flags.dry_run) {
    show_plan(plan, flags.common.json);
    return ExitCode::kDone;
  }
  if (flags.profile_steps > 0) {
    show_profile(plan, flags.profile_steps);
    return ExitCode::kDone;
  }
  const RunDirectory run(plan.run);
  run.create();
  const RunLock lock(run);
  const auto newest = plan.damaged.empty() ? plan.checkpoint : plan.damaged.front();
  if (run.newest_checkpoint() != newest)
    throw UserError(run.path().string(), ": another ddpm has just trained in this folder");
  add_log_file(run.log_file());
  set_aside_damaged(plan);
  if (plan.config.train.precision == Precision::kAuto) {
    plan.config.train.precision = probe_precision(plan.config, plan.device);
  }
  for (const auto& line : plan_lines(plan))
    log_info(line);
  warn_of_inexact_resume(plan);
  catch_stop_signals();
  Trainer::Evaluate evaluate;
  if (plan.config.train.eval_every > 0) {
    evaluate = make_training_evaluation(plan.config, *plan.dataset, plan.device);
  }
  const auto graphs = make_graph_factory(plan.device, flags.common.no_cuda_graph);
  Trainer trainer(plan.config, *plan.dataset, plan.run, plan.device, plan.checkpoint, graphs);
  trainer.evaluate_with(std::move(evaluate));
  write_file_atomic(run.config_file(), to_yaml(plan.config));
  const RunEnd end = trainer.run();
  const auto accuracy = measure_accuracy(plan, trainer, end);
  return report_end(end, flags, plan, trainer.state(), accuracy);
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
    log_notice("stopped; " + stop.progress + "; the same command goes on from there");
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
