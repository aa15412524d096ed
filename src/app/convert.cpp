#include "ddpm/app/convert.h"

#include <algorithm>
#include <array>
#include <utility>

#include <torch/types.h>

#include "ddpm/app/state_file.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/checkpoint/finite_weights.h"
#include "ddpm/checkpoint/foreign_state.h"
#include "ddpm/checkpoint/guided_names.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/checkpoint/model_path.h"
#include "ddpm/checkpoint/scheduler_config.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/checkpoint/weight_names.h"
#include "ddpm/config/rules.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/model/flat_parameters.h"
#include "ddpm/model/precision.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kToldTimesteps = 1000;  // of guided-diffusion's rescaled ones

/// The folder of the U-Net's files in a pipeline folder, or itself.
fs::path unet_folder(const fs::path& folder) {
  return fs::exists(folder / "unet" / "config.json") ? folder / "unet" : folder;
}

/// The file with the weights: `source`, or the only one in that folder.
fs::path weights_of(const fs::path& source) {
  if (!fs::exists(source)) throw CheckpointError(source.string(), ": no such file or folder");
  if (!fs::is_directory(source)) return source;
  const auto folder = unet_folder(source);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename();
    if (name.extension() == ".safetensors")
      throw UserError(source.string(), ": has ", name.string(),
                      ", which opens as it is; give the folder as `checkpoint`");
    const bool of_training = name == "optimizer.bin" || name == "scheduler.bin";
    if (is_pickle_name(name) && !of_training) names.push_back(name.string());
  }
  std::ranges::sort(names);
  if (names.size() == 1) return folder / names.front();
  throw CheckpointError(
      folder.string(), ": expected one file of weights",
      names.empty() ? describe_content(folder) : ", found " + join(names) + "; give one of them");
}

NamedShapes shapes_of(const PickleContent& content, const std::string& prefix) {
  NamedShapes shapes;
  for (const auto& [path, tensor] : content.tensors)
    if (path.starts_with(prefix)) shapes[path.substr(prefix.size())] = tensor.shape;
  return shapes;
}

/// Splits what gives queries, keys and values of all heads at once, [3 C, ...], into the three. The
/// old order has them head by head, the new one has all heads of each together.
std::array<torch::Tensor, 3> split_qkv(const torch::Tensor& qkv, int64_t heads, bool new_order) {
  const auto flat = qkv.flatten(1);
  const int64_t channels = flat.size(0) / 3;
  const auto parts =
      new_order
          ? flat.view({3, channels, -1})
          : flat.view({heads, 3, channels / heads, -1}).transpose(0, 1).reshape({3, channels, -1});
  return {parts[0], parts[1], parts[2]};
}

/// What belongs to one file while it is converted.
class Conversion {
 public:
  explicit Conversion(const ConvertRequest& request)
      : request_(request),
        file_path_(weights_of(clean_path(request.source))),
        origin_(file_path_.string()),
        file_(file_path_),
        state_(find_foreign_state(file_.content(), origin_)) {}

  ConvertPlan plan() {
    plan_.source = file_path_;
    plan_.dest = clean_path(request_.dest);
    plan_.part = state_.prefix.substr(0, state_.prefix.size() - (state_.prefix.empty() ? 0 : 1));
    for (const auto& [path, unused] : file_.content().tensors)
      if (!path.starts_with(state_.prefix)) plan_.left_out.push_back(path);
    const bool guided = state_.names == ForeignNames::kGuidedDiffusion;
    plan_.kind = guided ? "guided-diffusion" : "diffusers";
    if (guided)
      convert_guided();
    else
      convert_diffusers();
    check();
    return std::move(plan_);
  }

 private:
  torch::Tensor read(const std::string& name) {
    return file_.read(file_.content().tensors.at(state_.prefix + name)).to(torch::kFloat32);
  }

  void convert_guided() {
    const auto found = read_guided_network(shapes_of(file_.content(), state_.prefix), origin_);
    auto& config = plan_.config;
    config.model = found.network.model;
    config.signature = found.network.signature;
    config.sample.sampler = SamplerType::kDdpm;
    config.sample.variance_type = VarianceType::kFixedLarge;
    if (config.signature.out_channels != config.signature.in_channels) {
      config.diffusion.variance = Variance::kLearnedRange;
      config.sample.variance_type = VarianceType::kLearnedRange;
    }
    request_.settings.apply(config);
    check_heads(found);
    check_model(config.model);
    resolve_size();
    resolve_timesteps();
    for (const auto& [theirs, ours] : found.names)
      plan_.weights[ours] = read(theirs);
    for (const auto& [theirs, ours] : found.qkv)
      take_qkv(theirs, ours);
    for (auto& [name, tensor] : plan_.weights)
      tensor = as_matrix(name, tensor);
  }

  void check_heads(const GuidedNetwork& found) const {
    std::vector<std::string> widths;
    for (const int64_t channels : found.attention_channels)
      widths.push_back(std::to_string(channels));
    if (!request_.settings.has("model.attention_head_dim"))
      throw UserError(origin_,
                      ": does not tell how wide its attention heads are; give "
                      "model.attention_head_dim: num_head_channels, or its attention channels (",
                      join(widths), ") divided by num_heads",
                      widths.size() > 1 ? ", which UNet2DModel can express for one width only" : "",
                      "; null is one head");
    const auto head = plan_.config.model.attention_head_dim;
    for (const int64_t channels : found.attention_channels)
      if (head && (*head < 1 || channels % *head != 0))
        throw UserError("model.attention_head_dim must divide its attention channels (",
                        join(widths), "), got ", *head);
  }

  void take_qkv(const std::string& theirs, const std::string& ours) {
    constexpr std::array<const char*, 3> kNames{".to_q", ".to_k", ".to_v"};
    for (const char* part : {".weight", ".bias"}) {
      const auto qkv = read(theirs + part);
      const int64_t channels = qkv.size(0) / 3;
      if (qkv.dim() < 1 || qkv.size(0) != 3 * channels || channels == 0)
        throw CheckpointError(origin_, ": tensor '", theirs, part, "': expected three parts");
      const int64_t heads = channels / plan_.config.model.attention_head_dim.value_or(channels);
      const auto split =
          split_qkv(qkv.dim() == 1 ? qkv.unsqueeze(1) : qkv, heads, request_.new_attention_order);
      for (size_t i = 0; i < split.size(); ++i)
        plan_.weights[ours + kNames[i] + part] = qkv.dim() == 1 ? split[i].squeeze(1) : split[i];
    }
  }

  void resolve_size() {
    auto size = request_.image_size;
    if (size.empty())
      throw UserError(origin_, ": does not tell the size of its images; give `image_size` N");
    if (size.size() == 1) size.push_back(size[0]);
    check_image_size(plan_.config.model, size.at(0), size.at(1));
    plan_.config.signature.sample_size = size;
  }

  /// As their `get_named_beta_schedule` and `rescale_timesteps` do.
  void resolve_timesteps() {
    auto& diffusion = plan_.config.diffusion;
    const int64_t timesteps = diffusion.num_train_timesteps;
    if (timesteps == kToldTimesteps) return;
    const double scale = static_cast<double>(kToldTimesteps) / static_cast<double>(timesteps);
    if (!request_.settings.has("diffusion.beta_start")) diffusion.beta_start *= scale;
    if (!request_.settings.has("diffusion.beta_end")) diffusion.beta_end *= scale;
    check_diffusion(diffusion);
    if (!request_.rescale_timesteps)
      throw UserError(origin_, ": was its network of ", timesteps,
                      " timesteps told them as numbers up to 1000? give `rescale_timesteps` "
                      "(improved-diffusion's default), or `no_rescale_timesteps`");
    if (*request_.rescale_timesteps) keep_told_timesteps();
  }

  /// Keeps those noise levels whose number, as the network was told it, is whole.
  void keep_told_timesteps() {
    auto& diffusion = plan_.config.diffusion;
    const int64_t stride = diffusion.num_train_timesteps / kToldTimesteps;
    if (stride * kToldTimesteps != diffusion.num_train_timesteps)
      throw UserError("`rescale_timesteps`: expected a multiple of 1000 timesteps, got ",
                      diffusion.num_train_timesteps);
    const NoiseSchedule schedule(diffusion);
    std::vector<double> betas;
    double before = 1.0;
    for (int64_t t = 0; t < diffusion.num_train_timesteps; t += stride) {
      betas.push_back(1.0 - schedule.alpha_bar(t) / before);
      before = schedule.alpha_bar(t);
    }
    diffusion.trained_betas = std::move(betas);
    diffusion.num_train_timesteps = kToldTimesteps;
  }

  void convert_diffusers() {
    const auto folder = file_path_.parent_path();
    const auto config_file = folder / "config.json";
    if (!fs::exists(config_file))
      throw CheckpointError(config_file.string(),
                            ": missing; the state dict of a UNet2DModel needs "
                            "its config.json beside it");
    const auto network = unet_config_from_json(load_json(config_file), config_file.string());
    auto& config = plan_.config;
    config.model = network.model;
    config.signature = network.signature;
    read_scheduler(folder);
    request_.settings.apply(config);
    std::vector<std::string> names;
    for (const auto& [name, unused] : shapes_of(file_.content(), state_.prefix))
      names.push_back(name);
    for (const auto& [theirs, ours] : modern_weight_names(names))
      plan_.weights[ours] = as_matrix(ours, read(theirs));
  }

  void read_scheduler(const fs::path& folder) {
    auto& config = plan_.config;
    const auto beside = fs::absolute(folder).lexically_normal().parent_path();
    for (const auto& place : {folder, beside / "scheduler"}) {
      const auto file = place / "scheduler_config.json";
      if (!fs::exists(file)) continue;
      scheduler_config_from_json(load_json(file), file.string(), config.diffusion, config.sample);
      return;
    }
    config.sample.sampler = SamplerType::kDdpm;
  }

  /// Whether the network takes all of it, before anything is written.
  void check() {
    auto& config = plan_.config;
    check_diffusion(config.diffusion);
    check_sample_ranges(config.sample);
    check_finite_weights(plan_.weights, origin_);
    const auto network = network_config(config);
    const auto& component = component_of(network);
    check_weight_count(count_numbers(plan_.weights), component.least_parameters(network),
                       file_path_);
    const auto net = component.make(network);
    load_parameters(*net, plan_.weights, origin_, torch::kCPU, kMemoryFormat);
    plan_.parameters = net->parameter_count();
  }

  const ConvertRequest& request_;
  fs::path file_path_;
  std::string origin_;
  StateFile file_;
  ForeignState state_;
  ConvertPlan plan_;
};

}  // namespace

ConvertPlan plan_conversion(const ConvertRequest& request) {
  if (fs::exists(fs::symlink_status(clean_path(request.dest))))
    throw UserError(request.dest.string(), ": exists already; give another folder");
  return Conversion(request).plan();
}

void run_conversion(const ConvertPlan& plan) {
  make_folder(plan.dest.parent_path());
  AtomicDirectory folder(plan.dest);
  save_model_folder(folder.path(), plan.config, plan.weights);
  folder.commit();
}

}  // namespace ddpm
