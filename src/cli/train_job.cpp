#include "ddpm/cli/train_job.h"

#include <cstdio>
#include <iostream>
#include <ranges>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/cli/device.h"
#include "ddpm/config/find_config.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/sample/generator.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

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
    throw CheckpointError(run.path().string(),
                          ": none of the run's checkpoints is whole; they are "
                          "left as they are");
  return {};
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

json plan_json(const TrainJob& job) {
  const auto& data = job.dataset->info();
  return {{"parameters", job.parameters},
          {"macs_per_image", job.cost.macs},
          {"memory_bytes",
           estimate_training_bytes(job.config, job.device, job.parameters, job.cost.activations)},
          {"dataset",
           {{"name", data.name},
            {"where", data.where},
            {"images", data.images},
            {"shape", {data.channels, data.height, data.width}},
            {"classes", data.num_classes},
            {"skipped", job.dataset->skipped()}}},
          {"run", job.run.string()},
          {"resume_from", job.checkpoint.string()},
          {"device", job.device.str()},
          {"precision", to_name(job.config.train.precision)}};
}

}  // namespace

fs::path run_path(const TrainFlags& flags) {
  if (!flags.run.empty()) return clean_path(flags.run);
  if (!flags.config.empty()) return fs::path("runs") / fs::path(flags.config).stem();
  if (flags.resume) return find_newest_run("runs");
  throw UserError("--config NAME is missing");
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

TrainJob make_train_job(const TrainFlags& flags) {
  TrainJob job;
  job.run = run_path(flags);
  const RunDirectory run(job.run);
  if (flags.resume) job.checkpoint = newest_whole_checkpoint(run, job.damaged);
  job.config = settings_of(flags, job.checkpoint);
  check_rules(job.config);
  check_end(job.config);
  if (!flags.dry_run && flags.profile_steps == 0) check_run_is_free(flags, run);
  if (!job.checkpoint.empty()) check_resume(job.config, job.checkpoint);
  job.device = select_device(flags.common.device, flags.common.cudnn_autotune);
  apply_precision(job.config.train.precision, job.device);
  job.dataset = open_dataset(job.config.data);
  job.config = complete_config(job.config, job.dataset->info());
  if (!job.checkpoint.empty()) {
    check_same_model(job.config, job.checkpoint);
    check_weights_suffice(job.checkpoint, job.config);
  }
  check_guidance(job.config.model, job.config.sample);
  const auto net = make_network(job.config);
  job.parameters = net->parameter_count();
  job.cost = net->cost(job.dataset->info().height, job.dataset->info().width);
  return job;
}

std::vector<std::string> plan_lines(const TrainJob& job) {
  const auto& data = job.dataset->info();
  const auto& train = job.config.train;
  const auto memory =
      estimate_training_bytes(job.config, job.device, job.parameters, job.cost.activations);
  std::string images = std::to_string(data.images) + " images of " + std::to_string(data.height) +
                       "x" + std::to_string(data.width) + "x" + std::to_string(data.channels);
  if (data.num_classes > 0) images += ", " + std::to_string(data.num_classes) + " classes";
  if (const auto skipped = job.dataset->skipped(); skipped > 0) {
    images += ", " + std::to_string(skipped) + " broken ones skipped";
  }
  char size[96];
  std::snprintf(size, sizeof(size), "%.2f million parameters, %.3f GMAC an image",
                static_cast<double>(job.parameters) / 1e6,
                static_cast<double>(job.cost.macs) / 1e9);
  const auto length = train.steps ? std::to_string(*train.steps) + " steps"
                                  : format_duration(60 * train.max_minutes);
  return {
      "data    " + data.name + ": " + images + " (" + data.where + ")",
      "model   " + std::string(size),
      "train   " + length + ", batch " + std::to_string(train.batch_size) + ", about " +
          format_bytes(static_cast<double>(memory)) + " of memory",
      "device  " + describe_device(job.device) + ", precision " +
          std::string(to_name(train.precision)),
      "run     " + job.run.string() +
          (job.checkpoint.empty() ? "" : ", going on from " + job.checkpoint.filename().string())};
}

void show_plan(const TrainJob& job, bool as_json) {
  if (as_json) {
    std::cout << shown_json(plan_json(job)) << "\n";
    return;
  }
  for (const auto& line : plan_lines(job))
    std::cout << without_controls(line) << "\n";
  std::cout << "\n" << to_yaml(job.config);
}

}  // namespace ddpm
