#include "ddpm/app/train_plan.h"

#include <cstdio>
#include <ranges>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/model/signature.h"
#include "ddpm/runtime/device.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

/// Refuses a folder in which no run can go on, nor begin, because it is a model of its own.
void check_is_no_model(const RunDirectory& run) {
  if (!run.holds_foreign_model()) return;
  throw UserError(run.path().string(),
                  ": holds a model and is no run; start from it with `init_from` ",
                  run.path().string(), " and another folder, `run` DIR");
}

/// Refuses to train over a run, or over files that are none.
void check_run_is_free(const TrainRequest& request, const RunDirectory& run) {
  if (run.has_checkpoints() && !request.resume) {
    throw UserError(run.path().string(),
                    ": holds checkpoints already; go on with `resume`, or give "
                    "another folder with `run` DIR");
  }
  if (run.holds_other_files()) {
    throw UserError(run.path().string(),
                    ": is no run but holds config.yaml, metrics.jsonl or log.txt, "
                    "which a run would replace; give another folder with `run` DIR");
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
  const json before = load_json(network_config_file(checkpoint, config));
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

/// Evaluations in training compare with images that settings name, or train a classifier on them.
void check_evaluations(const TrainRequest& request, const Config& config) {
  if (request.dataset == nullptr || config.train.eval_every == 0) return;
  throw UserError("train.eval_every: expected 0 with a dataset of one's own");
}

void check_end(const Config& config) {
  if (config.train.steps || config.train.max_minutes > 0) return;
  throw UserError("no end is set: give `max_time` (for example 30m) or --train.steps");
}

}  // namespace

Config resolve_settings(const TrainRequest& request, const fs::path& checkpoint) {
  Config config;
  if (!request.config.empty()) {
    config = load_config(request.config);
  } else if (!checkpoint.empty()) {
    config = load_checkpoint_config(checkpoint);
  } else if (request.dataset == nullptr) {
    throw UserError(request.run.string(),
                    ": no run to go on with; give `config` NAME to start one");
  }
  request.settings.apply(config);
  if (request.runtime.precision) config.train.precision = *request.runtime.precision;
  if (request.max_minutes > 0) config.train.max_minutes = request.max_minutes;
  return config;
}

TrainPlan plan_training(const TrainRequest& request, RunUse use) {
  TrainPlan plan;
  plan.run = request.run;
  plan.cuda_graph = request.runtime.cuda_graph;
  plan.cudnn_autotune = request.runtime.cudnn_autotune;
  const RunDirectory run(plan.run);
  if (use == RunUse::kTrain) check_is_no_model(run);
  if (request.resume) plan.checkpoint = newest_whole_checkpoint(run, plan.damaged);
  plan.config = resolve_settings(request, plan.checkpoint);
  check_rules(plan.config);
  check_end(plan.config);
  check_evaluations(request, plan.config);
  if (use == RunUse::kTrain) check_run_is_free(request, run);
  if (!plan.checkpoint.empty()) check_resume(plan.config, plan.checkpoint);
  plan.device = select_device(request.runtime.device);
  check_precision(plan.config.train.precision, plan.device);
  plan.own_dataset = request.dataset != nullptr;
  plan.dataset = plan.own_dataset ? request.dataset : open_dataset(plan.config.data);
  plan.config = complete_config(plan.config, plan.dataset->info());
  if (!plan.checkpoint.empty()) {
    check_same_model(plan.config, plan.checkpoint);
    check_weights_suffice(plan.checkpoint, plan.config);
  }
  check_guidance(plan.config.signature, plan.config.sample);
  const auto net = make_network(network_config(plan.config));
  plan.parameters = net->parameter_count();
  plan.cost = net->cost(plan.dataset->info().height, plan.dataset->info().width);
  return plan;
}

int64_t memory_bytes(const TrainPlan& plan) {
  return estimate_training_bytes(plan.config, plan.device, plan.parameters, plan.cost.activations);
}

std::vector<std::string> plan_lines(const TrainPlan& plan) {
  const auto& data = plan.dataset->info();
  const auto& train = plan.config.train;
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
              format_bytes(static_cast<double>(memory_bytes(plan))) + " of memory",
          "device  " + describe_device(plan.device) + ", precision " +
              std::string(to_name(train.precision)),
          "run     " + plan.run.string() +
              (plan.checkpoint.empty() ? ""
                                       : ", going on from " + plan.checkpoint.filename().string())};
}

}  // namespace ddpm
