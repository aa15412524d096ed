#include "ddpm/app/train_plan.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <set>

#include <nlohmann/json.hpp>

#include "ddpm/app/data_root.h"
#include "ddpm/app/init_from.h"
#include "ddpm/app/opened_model.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/fitting.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/yaml.h"
#include "ddpm/data/broken_images.h"
#include "ddpm/data/image_data.h"
#include "ddpm/model/signature.h"
#include "ddpm/runtime/device.h"
#include "ddpm/train/objective_table.h"
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
  throw UserError(checkpoint.string(), ": cannot go on with other settings: ", join(fixed, "; "),
                  "; set them back where they were changed, or start a new run");
}

/// Takes what no setting tells of a network that began as someone else's.
void take_untold(Config& config, const fs::path& checkpoint) {
  const auto& component = component_in(checkpoint);
  const auto file = component.config_file(checkpoint);
  const ModelConfig model = component.read(load_json(file), file.string()).model;
  config.model.attn_norm_num_groups = model.attn_norm_num_groups;
  config.model.time_embedding_dim = model.time_embedding_dim;
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

/// The images must still be those that the run was trained on: their order is that of the run.
void check_same_data(const TrainRequest& request, const DatasetInfo& data,
                     const fs::path& checkpoint) {
  const auto state = load_training_state(checkpoint);
  const auto& before = state.dataset_fingerprint;
  if (state.dataset_images != data.images)
    throw DataError(data.where, ": the data changed since the run began: it had ",
                    state.dataset_images, " images, now there are ", data.images,
                    "; bring them back, or start another run");
  if (before.empty() || data.fingerprint.empty() || before == data.fingerprint) return;
  const std::string what = data.where + ": the data changed since the run began (" +
                           (before.starts_with("files") ? "names or sizes of files" : "contents") +
                           " differ)";
  if (!request.accept_changed_data)
    throw DataError(what,
                    "; bring the run's images back, or go on with these: `accept_changed_data`");
  log_warning(what + ", the run goes on with the new");
}

/// Names what is broken; a run may go on without.
std::vector<std::string> check_files(const DataConfig& data) {
  auto found = find_broken_images(data);
  for (const auto& line : found.broken)
    log_warning(line);
  log_info("checked " + std::to_string(found.files) + " images, " +
           std::to_string(found.broken.size()) + " are broken");
  if (!found.broken.empty() && !data.skip_bad)
    throw DataError(data.root, ": ", found.broken.size(), " of ", found.files,
                    " images are broken; remove or mend them, or set data.skip_bad true");
  return std::move(found.broken);
}

/// What is to be opened. A run keeps its colours, whatever files have come to its own.
DataConfig data_to_open(const Config& config, const fs::path& checkpoint) {
  auto data = config.data;
  if (checkpoint.empty() || data.channels != 0) return data;
  const json network = load_json(network_config_file(checkpoint, config));
  const json channels = network.value("in_channels", json(0));
  if (channels == 1 || channels == 3) data.channels = channels.get<int64_t>();
  return data;
}

/// Evaluations in training compare with images that settings name, or train a classifier on them.
void check_evaluations(const TrainRequest& request, const Config& config) {
  if (request.dataset == nullptr || config.train.eval_every == 0) return;
  throw UserError("train.eval_every: expected 0 with a dataset of one's own");
}

/// What the run's config.yaml says otherwise than the checkpoint; nothing if there is no such file.
std::vector<SettingChange> edits_of(const fs::path& run, const fs::path& checkpoint) {
  const auto file = RunDirectory(run).config_file();
  std::error_code none;
  if (!fs::is_regular_file(file, none)) return {};
  return changed_settings(load_checkpoint_config(checkpoint), load_config(file));
}

std::string shown(const std::vector<SettingChange>& changes) {
  std::vector<std::string> words;
  for (const auto& change : changes)
    words.push_back(change.key + " " + change.after + " (was " + change.before + ")");
  return join(words, ", ");
}

/// A person may have changed the run's file, which is replaced by `config` where it says otherwise.
void warn_of_unread_edits(const fs::path& run, const fs::path& checkpoint, const Config& config) {
  const auto file = RunDirectory(run).config_file();
  try {
    auto lost = edits_of(run, checkpoint);
    if (lost.empty()) return;
    const auto other = changed_settings(load_config(file), config);
    std::erase_if(lost, [&](const SettingChange& edit) {
      return std::ranges::find(other, edit.key, &SettingChange::key) == other.end();
    });
    if (lost.empty()) return;
    log_warning(file.string() + " says " + shown(lost) +
                ", which is not read and is replaced, as `config` is given; leave that out to "
                "take it");
  } catch (const UserError& error) {
    log_warning(std::string(error.what()) + "; the file is replaced, as `config` is given");
  }
}

/// The settings of the run's own file, which a person may have changed, else of the checkpoint.
Config load_run_config(const fs::path& run, const fs::path& checkpoint,
                       std::set<std::string>& keys) {
  const auto edits = edits_of(run, checkpoint);
  if (edits.empty()) return load_config(checkpoint / "config.yaml", keys);
  log_info("taken from " + RunDirectory(run).config_file().string() + ": " + shown(edits));
  return load_config(RunDirectory(run).config_file(), keys);
}

void check_end(const Config& config) {
  if (config.train.steps || config.train.max_minutes > 0) return;
  throw UserError("no end is set: give `max_time` (for example 30m) or --train.steps");
}

/// The model that the settings of the request begin with; nothing if a run goes on by its own.
std::optional<ModelFolder> init_model(const TrainRequest& request, const fs::path& checkpoint) {
  const bool starts = checkpoint.empty() || !request.config.empty();
  if (request.init_from.empty() || !starts) return std::nullopt;
  return open_init_model(request);
}

Config settings_of(const TrainRequest& request, const fs::path& checkpoint,
                   const std::optional<ModelFolder>& init) {
  Config config;
  std::set<std::string> keys;
  if (init) {
    config = init_settings(request, *init, keys);
  } else if (!request.config.empty()) {
    config = load_config(request.config, keys);
  } else if (!checkpoint.empty()) {
    config = load_run_config(request.run, checkpoint, keys);
  } else if (request.dataset == nullptr) {
    throw UserError(
        request.run.string(),
        ": no run to go on with; give `config` NAME to start one, or `init_from` PATH to "
        "start from a model");
  }
  if (!checkpoint.empty()) take_untold(config, checkpoint);
  request.settings.apply(config);
  if (request.runtime.precision) config.train.precision = *request.runtime.precision;
  if (request.max_minutes > 0) config.train.max_minutes = request.max_minutes;
  for (const auto& line : fit_settings(config, Choices(keys, request.settings)))
    log_info(line);
  if (!request.config.empty() && !checkpoint.empty())
    warn_of_unread_edits(request.run, checkpoint, config);
  return config;
}

}  // namespace

Config resolve_settings(const TrainRequest& request, const fs::path& checkpoint) {
  return settings_of(request, checkpoint, init_model(request, checkpoint));
}

TrainPlan plan_training(const TrainRequest& request, RunUse use) {
  TrainPlan plan;
  plan.run = request.run;
  plan.cuda_graph = request.runtime.cuda_graph;
  plan.cudnn_autotune = request.runtime.cudnn_autotune;
  const RunDirectory run(plan.run);
  if (use == RunUse::kTrain) check_is_no_model(run);
  if (request.resume) plan.checkpoint = newest_whole_checkpoint(run, plan.damaged);
  const auto init = init_model(request, plan.checkpoint);
  plan.config = settings_of(request, plan.checkpoint, init);
  const bool typed = !request.config.empty() || request.settings.has("data.root");
  auto& root = plan.config.data.root;
  root = typed ? root_for_run(root, plan.run) : root_of_run(root, plan.run);
  check_rules(plan.config);
  check_end(plan.config);
  check_evaluations(request, plan.config);
  if (use == RunUse::kTrain) check_run_is_free(request, run);
  if (!plan.checkpoint.empty()) check_resume(plan.config, plan.checkpoint);
  plan.device = select_device(request.runtime.device);
  check_precision(plan.config.train.precision, plan.device);
  plan.own_dataset = request.dataset != nullptr;
  if (request.check_data && !plan.own_dataset) plan.broken_files = check_files(plan.config.data);
  plan.dataset =
      plan.own_dataset ? request.dataset : open_dataset(data_to_open(plan.config, plan.checkpoint));
  plan.data = std::make_shared<ImageData>(training_images(plan.dataset, plan.config));
  plan.config = complete_config(plan.config, *plan.data);
  if (init && plan.checkpoint.empty()) plan.start = starting_weights(*init, plan.config);
  if (!plan.checkpoint.empty()) {
    check_same_model(plan.config, plan.checkpoint);
    check_same_data(request, plan.dataset->info(), plan.checkpoint);
    check_weights_suffice(plan.checkpoint, plan.config);
  }
  check_guidance(plan.config.signature, plan.config.sample);
  if (objective_kind(plan.config.train.task).draws_images)
    warn_of_unseen_start(plan.config.diffusion);
  const auto net = make_network(network_config(plan.config));
  plan.parameters = net->parameter_count();
  plan.cost = net->cost(plan.dataset->info().height, plan.dataset->info().width);
  return plan;
}

int64_t memory_bytes(const TrainPlan& plan) {
  return estimate_training_bytes(plan.config, plan.device, plan.parameters, plan.cost.activations);
}

json to_json(const TrainPlan& plan) {
  const auto& data = plan.dataset->info();
  return {{"parameters", plan.parameters},
          {"macs_per_image", plan.cost.macs},
          {"memory_bytes", memory_bytes(plan)},
          {"dataset",
           {{"name", data.name},
            {"where", data.where},
            {"images", data.images},
            {"shape", {data.channels, data.height, data.width}},
            {"classes", data.num_classes},
            {"skipped", plan.dataset->skipped()},
            {"broken", plan.broken_files},
            {"left_out", data.left_out},
            {"notes", data.notes},
            {"warnings", data.warnings}}},
          {"start_from", plan.start.origin},
          {"run", plan.run.string()},
          {"resume_from", plan.checkpoint.string()},
          {"device", plan.device.str()},
          {"precision", to_name(plan.config.train.precision)}};
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
  const auto size = format_fixed(static_cast<double>(plan.parameters) / 1e6, 2) +
                    " million parameters, " +
                    format_fixed(static_cast<double>(plan.cost.macs) / 1e9, 3) + " GMAC an image";
  const auto length = train.steps ? std::to_string(*train.steps) + " steps"
                                  : format_duration(60 * train.max_minutes);
  std::vector<std::string> lines{"data    " + data.name + ": " + images + " (" + data.where + ")"};
  for (const auto& note : data.notes)
    lines.push_back("        " + note);
  lines.insert(
      lines.end(),
      {"model   " + size + (plan.start.origin.empty() ? "" : ", from " + plan.start.origin),
       "train   " + length + ", batch " + std::to_string(train.batch_size) + ", about " +
           format_bytes(static_cast<double>(memory_bytes(plan))) + " of memory",
       "device  " + describe_device(plan.device) + ", precision " +
           std::string(to_name(train.precision)),
       "run     " + plan.run.string() +
           (plan.checkpoint.empty() ? ""
                                    : ", going on from " + plan.checkpoint.filename().string())});
  return lines;
}

void tell_data_warnings(const TrainPlan& plan) {
  for (const auto& warning : plan.dataset->info().warnings)
    log_warning("data: " + warning);
}

}  // namespace ddpm
