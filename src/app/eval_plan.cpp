#include "ddpm/app/eval_plan.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/checkpoint/training_checkpoint.h"
#include "ddpm/config/identity.h"
#include "ddpm/config/names.h"
#include "ddpm/config/process_traits.h"
#include "ddpm/config/rules.h"
#include "ddpm/eval/inception.h"
#include "ddpm/model/signature.h"
#include "ddpm/runtime/device.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kDefaultImages = 10'000;

void check_selection(const EvalRequest& request) {
  if (request.all || request.metrics.any()) return;
  std::vector<std::string> words;
  for (const auto& row : metric_table())
    words.push_back(field_name(row.word));
  throw UserError("no metric is asked for: give ", join(words), " or `all`");
}

bool compares(const EvalRequest& request) {
  return request.all || request.metrics.needs_reference();
}

bool wants_bits(const EvalRequest& request) {
  return request.metrics.has(Metric::kBitsPerDim);
}

/// Whether a split of the data is scored or compared with.
bool wants_data(const EvalRequest& request) {
  const bool named = compares(request) && request.reference_images == nullptr;
  return is_split(request.images) || (named && is_split(request.reference));
}

void check_path(const std::string& field, const std::string& path) {
  if (is_split(path) || path.empty()) return;
  std::error_code code;
  if (!fs::exists(path, code))
    throw DataError(field, " ", path, ": ", code ? code.message() : "no such file or folder");
  const auto ending = lower_case(fs::path(path).extension().string());
  if (!fs::is_directory(path) && ending != ".npz" && ending != ".npy" && ending != ".zip")
    throw UserError(field, " ", path,
                    ": expected train, val, test, a folder, or an .npz, .npy or .zip file");
}

void check_free(const std::string& field, const std::string& path, const std::string& extension) {
  if (path.empty()) return;
  if (lower_case(fs::path(path).extension().string()) != extension)
    throw UserError(field, " ", path, ": expected a name that ends in ", extension);
  if (fs::exists(path)) throw UserError(field, " ", path, ": exists already; give another name");
}

void check_features(const EvalRequest& request) {
  parse_inception_resize(request.resize);
  const auto& text = request.features;
  const bool known = text.starts_with("inception:") || text.starts_with("classifier:");
  if (text.empty() || known) return;
  throw UserError("`features` ", text,
                  ": expected inception:FILE.safetensors or classifier:CHECKPOINT");
}

/// Checks what can be said of the request alone.
void check_request(const EvalRequest& request) {
  check_selection(request);
  check_path("`images`", request.images);
  check_path("`reference`", request.reference);
  check_features(request);
  check_free("`save_stats`", request.save_stats, ".npz");
  if (!request.save_stats.empty() && !compares(request))
    throw UserError("`save_stats`: no metric that is asked for has a reference; add `fid`");
  if (!request.out.empty() && request.sweep.empty()) check_free("`out`", request.out, ".json");
  if (request.save_images.empty()) return;
  if (!request.images.empty()) throw UserError("`save_images`: `images` are files already");
  output_kind(request.save_images);
  check_output_free(request.save_images);
}

/// Whether a model has a part in it: it draws the images, tells bits, or knows the data.
bool needs_checkpoint(const EvalRequest& request) {
  if (request.images.empty() || wants_bits(request) || !request.checkpoint.empty()) return true;
  return wants_data(request) && !request.settings.has("data.name");
}

/// A checkpoint, which may be of anyone, does not say how much memory its data may take here.
void limit_memory(DataConfig& data, const SettingOverrides& overrides) {
  const DataConfig most;
  if (!overrides.has("data.memory_limit_gb") && data.memory_limit_gb > most.memory_limit_gb) {
    const auto asked = format_number(data.memory_limit_gb);
    log_info("data may take " + format_number(most.memory_limit_gb) +
             " GB of memory, not the checkpoint's " + asked + "; --data.memory_limit_gb " + asked +
             " allows it");
    data.memory_limit_gb = most.memory_limit_gb;
  }
  if (!overrides.has("data.max_image_pixels"))
    data.max_image_pixels = std::min(data.max_image_pixels, most.max_image_pixels);
}

/// What the run of the plan's checkpoint was trained on; none for a foreign folder.
std::optional<DataConfig> data_of_run(const EvalPlan& plan) {
  if (plan.model) return plan.model->data;
  if (plan.checkpoint.empty() || !fs::exists(plan.checkpoint / "config.yaml")) return std::nullopt;
  return load_checkpoint_config(plan.checkpoint).data;
}

/// The data that the model was trained on, with the overrides.
std::optional<DataConfig> resolve_data(const EvalPlan& plan, const SettingOverrides& overrides) {
  const auto of_run = data_of_run(plan);
  if (!of_run && !overrides.has_section("data")) return std::nullopt;
  Config config;
  if (of_run) {
    config.data = *of_run;
    limit_memory(config.data, overrides);
  }
  overrides.apply(config, "data");
  config.data.flip = false;
  if (plan.model && config.data.image_size.empty()) {
    config.data.image_size = plan.model->pipeline.network.signature.sample_size;
    config.data.channels = plan.model->pipeline.network.signature.data_channels;
  }
  return config.data;
}

/// Checks that the model draws images that can be scored, as the plan wants them.
void check_model(const EvalPlan& plan) {
  const auto& model = plan.model->pipeline.network.signature;
  if (model.sample_size.empty())
    throw CheckpointError(plan.checkpoint.string(),
                          ": the model's config has no sample_size, so there is no telling which "
                          "images to draw");
  if (model.data_channels != 1 && model.data_channels != 3)
    throw CheckpointError(plan.checkpoint.string(), ": draws images of ", model.data_channels,
                          " channels, expected 1 or 3");
  check_image_size(plan.model->pipeline.network.model, model.sample_size[0], model.sample_size[1]);
  check_guidance(model, plan.sample);
  check_sample(plan.sample, plan.model->pipeline.diffusion);
  warn_of_large_variance(plan.sample, plan.model->pipeline.diffusion);
  if (plan.draws()) warn_of_unseen_start(plan.model->pipeline.diffusion);
}

void resolve_model(EvalPlan& plan, const EvalRequest& request, ModelCache& models) {
  plan.model = models.open(plan.checkpoint);
  plan.sample = resolve_sampling(*plan.model, request.settings);
  check_model(plan);
  const auto& model = plan.model->pipeline.network.signature;
  const auto classes = parse_classes(request.classes, model);
  if (plan.draws()) plan.labels = cycle_labels(model, classes, plan.count);
  plan.classes = request.classes ? *request.classes : plan.labels.empty() ? "none" : "all in turn";
}

/// Every metric; bits per dimension are of a model that was asked for.
MetricSelection all_metrics(const EvalRequest& request, const EvalPlan& plan) {
  MetricSelection all;
  for (const auto& row : metric_table())
    all.add(row.metric);
  const bool bits = wants_bits(request) || (request.images.empty() && plan.data);
  if (!bits) all.remove(Metric::kBitsPerDim);
  return all;
}

/// Numbers of an image up to which the exact trace costs less than the noise of an estimate does.
constexpr int64_t kExactTraceUpTo = 64;

BitsPerDimOptions resolve_bits(const EvalPlan& plan, const EvalRequest& request) {
  if (!plan.data)
    throw UserError(
        "`bpd`: the checkpoint does not say what it was trained on; give --data.name "
        "and --data.root");
  const auto process = plan.model->pipeline.diffusion.process;
  const bool chain = traits_of(process).has_timesteps;
  const auto method = request.bits.method;
  if (method == BitsMethod::kBound && !chain)
    throw UserError("`bpd_method` bound: the process ", to_name(process),
                    " has no chain of timesteps; expected ode");
  const bool bound = method == BitsMethod::kBound || (method == BitsMethod::kAuto && chain);
  BitsPerDimOptions options;
  options.method = bound ? LikelihoodMethod::kBound : LikelihoodMethod::kOde;
  options.batch_size = request.batch_size;
  options.seed = request.seed;
  options.draws = request.bits.draws;
  options.variance = plan.sample.variance_type;
  const auto& model = plan.model->pipeline.network.signature;
  const int64_t dimensions = model.data_channels * model.sample_size[0] * model.sample_size[1];
  if (dimensions <= kExactTraceUpTo) options.trace = Trace::kExact;
  return options;
}

/// Takes over what needs no checking against the model.
EvalPlan plain_plan(const EvalRequest& request) {
  EvalPlan plan;
  plan.spare_metrics = request.all;
  plan.as_stored = !request.settings.has("data.image_size");
  plan.images = request.images;
  plan.count = request.count.value_or(request.images.empty() ? kDefaultImages : INT64_MAX);
  plan.batch_size = request.batch_size;
  plan.reference = request.reference;
  plan.reference_images = request.reference_images;
  plan.features = request.features;
  plan.resize = request.resize;
  plan.bounds = request.bounds;
  plan.bits_images = request.bits.images;
  plan.out = {
      .result = request.out, .images = request.save_images, .statistics = request.save_stats};
  plan.precision = request.runtime.precision.value_or(Precision::kFloat32);
  plan.cuda_graph = request.runtime.cuda_graph;
  plan.cudnn_autotune = request.runtime.cudnn_autotune;
  return plan;
}

}  // namespace

std::string model_identity(const EvalPlan& plan) {
  Config config;
  config.diffusion = plan.model->pipeline.diffusion;
  config.sample = plan.sample;
  return plan.model->weights_hash + "\n" + identity_of(config, {"diffusion", "sample"});
}

EvaluationOptions options_for(const EvalPlan& plan, const MetricSelection& metrics) {
  auto options = plan.options;
  options.metrics = metrics;
  return options;
}

bool is_split(const std::string& word) {
  return word == "train" || word == "val" || word == "test";
}

EvalPlan plan_evaluation(const EvalRequest& request, ModelCache& models) {
  check_request(request);
  auto plan = plain_plan(request);
  plan.options = {.nearest = request.nearest,
                  .kid_subsets = request.kid_subsets,
                  .kid_subset_size = request.kid_subset_size,
                  .splits = 10,
                  .seed = request.seed};
  if (needs_checkpoint(request)) {
    plan.checkpoint = find_checkpoint(request.checkpoint);
    plan.run = run_of(plan.checkpoint);
    if (request.out.empty() && !plan.run.empty()) refuse_link(plan.run / "eval");
  }
  if (request.images.empty() || wants_bits(request)) resolve_model(plan, request, models);
  plan.data = resolve_data(plan, request.settings);
  if (!plan.data && wants_data(request))
    throw UserError(plan.checkpoint.empty() ? "eval" : plan.checkpoint.string(),
                    ": no data to compare with is known; give `reference` PATH, or --data.name "
                    "and --data.root");
  plan.options.metrics = request.all ? all_metrics(request, plan) : request.metrics;
  if (plan.options.metrics.has(Metric::kBitsPerDim)) plan.bits = resolve_bits(plan, request);
  plan.device = select_device(request.runtime.device);
  check_precision(plan.precision, plan.device);
  return plan;
}

}  // namespace ddpm
