#include "ddpm/checkpoint/diffusers.h"

#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr const char* kDiffusersVersion = "0.42.1";  // the version this layout was checked with
constexpr const char* kWeightsFile = "diffusion_pytorch_model.safetensors";
constexpr int64_t kMaxNumber = 1 << 20;  // far above any sensible count; stops absurd allocations

/// Reads keys of a config with type checks, and knows which nobody asked for.
class ConfigReader {
 public:
  ConfigReader(const json& object, const std::string& origin) : object_(object), origin_(origin) {
    if (!object.is_object()) throw CheckpointError(origin, ": expected a JSON object");
  }

  int64_t integer(const std::string& key, int64_t fallback) {
    return optional_integer(key, fallback).value_or(fallback);
  }

  /// Nothing where the file says null.
  std::optional<int64_t> optional_integer(const std::string& key, std::optional<int64_t> fallback) {
    const auto* value = find(key);
    if (value == nullptr) return fallback;
    if (value->is_null()) return std::nullopt;
    return checked_integer(key, *value);
  }

  double number(const std::string& key, double fallback) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return fallback;
    if (!value->is_number()) fail(key, "expected a number", *value);
    return value->get<double>();
  }

  bool boolean(const std::string& key, bool fallback) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return fallback;
    if (!value->is_boolean()) fail(key, "expected true or false", *value);
    return value->get<bool>();
  }

  std::string text(const std::string& key, const std::string& fallback) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return fallback;
    if (!value->is_string()) fail(key, "expected a text", *value);
    return value->get<std::string>();
  }

  template <typename E>
  E choice(const std::string& key, E fallback) {
    const auto name = text(key, std::string(to_name(fallback)));
    const auto value = from_name<E>(name);
    if (!value) throw CheckpointError(origin_, ": ", key, " '", name, "' is not supported");
    return *value;
  }

  std::vector<int64_t> integers(const std::string& key, std::vector<int64_t> fallback) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return fallback;
    if (value->is_number()) return {checked_integer(key, *value)};
    if (!value->is_array()) fail(key, "expected a list of whole numbers", *value);
    std::vector<int64_t> numbers;
    for (const auto& item : *value)
      numbers.push_back(checked_integer(key, item));
    return numbers;
  }

  std::vector<std::string> texts(const std::string& key, std::vector<std::string> fallback) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return fallback;
    if (!value->is_array()) fail(key, "expected a list of texts", *value);
    std::vector<std::string> texts;
    for (const auto& item : *value) {
      if (!item.is_string()) fail(key, "expected a list of texts", *value);
      texts.push_back(item.get<std::string>());
    }
    return texts;
  }

  /// Refuses any value but `expected` (and null, where that is the same).
  void require(const std::string& key, const json& expected) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null() || *value == expected) return;
    throw CheckpointError(origin_, ": ", key, " ", value->dump(), " is not supported");
  }

  /// Refuses keys that nobody asked for, but for private ones and those that say "off".
  void refuse_unknown() const {
    for (const auto& [key, value] : object_.items()) {
      const bool off = value.is_null() || value == json(false);
      if (!key.starts_with('_') && !asked_.contains(key) && !off) {
        throw CheckpointError(origin_, ": ", key, " ", value.dump(), " is not supported");
      }
    }
  }

 private:
  const json* find(const std::string& key) {
    asked_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  int64_t checked_integer(const std::string& key, const json& value) const {
    const bool whole = value.is_number_integer() || value.is_number_unsigned() ||
                       (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
    if (!whole || value.get<double>() < 0 || value.get<double>() > kMaxNumber) {
      fail(key, "expected a whole number from 0 to " + std::to_string(kMaxNumber), value);
    }
    return value.get<int64_t>();
  }

  [[noreturn]] void fail(const std::string& key, const std::string& expected,
                         const json& value) const {
    throw CheckpointError(origin_, ": ", key, ": ", expected, ", got ", value.dump());
  }

  const json& object_;
  const std::string& origin_;
  std::set<std::string> asked_;
};

/// A list of one or two sizes as diffusers writes it: a number for a square.
json sample_size_json(const std::vector<int64_t>& size) {
  if (size.empty()) return nullptr;
  if (size.size() == 1 || size[0] == size[1]) return size[0];
  return size;
}

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

/// "UNetResDownBlock2D" is an old spelling of "DownBlock2D".
std::vector<std::string> modern_block_types(std::vector<std::string> types) {
  for (auto& type : types)
    if (type.starts_with("UNetRes")) type = type.substr(7);
  return types;
}

void check_class(const json& object, const std::string& expected, const std::string& origin) {
  const auto name = object.value("_class_name", expected);
  if (name != expected) {
    throw CheckpointError(origin, ": holds a ", name, ", expected a ", expected);
  }
}

void check_model_rules(const ModelConfig& model, const std::string& origin) {
  try {
    check_model(model);
  } catch (const UserError& error) {
    throw CheckpointError(origin, ": ", error.what());
  }
}

void check_null_label(const ModelConfig& model, const std::string& origin) {
  if (model.null_class_label && *model.null_class_label >= model.num_class_embeds.value_or(0)) {
    throw CheckpointError(origin, ": _null_class_label ", *model.null_class_label,
                          " is not a row of the class embedding");
  }
}

/// Today's name of an attention parameter; others stay.
std::string modern_key(const std::string& key) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRenamed{{
      {".query.", ".to_q."},
      {".key.", ".to_k."},
      {".value.", ".to_v."},
      {".proj_attn.", ".to_out.0."},
  }};
  for (const auto& [old_part, new_part] : kRenamed) {
    const auto place = key.find(old_part);
    if (place != key.npos && key.find(".attentions.") != key.npos) {
      return std::string(key).replace(place, old_part.size(), new_part);
    }
  }
  return key;
}

/// The one safetensors file of weights in `folder`, variants such as `.fp16` included.
fs::path find_weights(const fs::path& folder) {
  if (fs::exists(folder / kWeightsFile)) return folder / kWeightsFile;
  std::vector<fs::path> variants;
  bool pickle = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    const bool weights = name.starts_with("diffusion_pytorch_model.");
    if (weights && name.ends_with(".safetensors")) variants.push_back(entry.path());
    pickle = pickle || (weights && name.ends_with(".bin"));
  }
  if (variants.size() == 1) return variants.front();
  if (variants.empty() && pickle) {
    throw CheckpointError(folder.string(),
                          ": has only a .bin file, a pickle that could run code; open it in Python "
                          "and save it again: UNet2DModel.from_pretrained(FOLDER).save_pretrained(NEW)");
  }
  throw CheckpointError(folder.string(), ": expected the file ", kWeightsFile);
}

NamedTensors load_weights(const fs::path& file) {
  NamedTensors weights;
  for (auto& [key, tensor] : load_safetensors(file))
    weights[modern_key(key)] = tensor.to(torch::kFloat32);
  return weights;
}

/// Where scheduler_config.json is, beside a U-Net in `unet`; empty if nowhere.
fs::path find_scheduler(const fs::path& root, const fs::path& unet) {
  for (const auto& folder : {root / "scheduler", root, unet.parent_path() / "scheduler"})
    if (fs::exists(folder / "scheduler_config.json")) return folder / "scheduler_config.json";
  return {};
}

}  // namespace

json unet_config_to_json(const ModelConfig& model) {
  json config = {
      {"_class_name", "UNet2DModel"},
      {"_diffusers_version", kDiffusersVersion},
      {"act_fn", "silu"},
      {"add_attention", model.add_attention},
      {"attention_head_dim", or_null(model.attention_head_dim)},
      {"attn_norm_num_groups", or_null(model.attn_norm_num_groups)},
      {"block_out_channels", model.block_out_channels},
      {"center_input_sample", model.center_input_sample},
      {"class_embed_type", nullptr},
      {"down_block_types", model.down_block_types},
      {"downsample_padding", model.downsample_padding},
      {"downsample_type", to_name(model.downsample_type)},
      {"dropout", model.dropout},
      {"flip_sin_to_cos", model.flip_sin_to_cos},
      {"freq_shift", model.freq_shift},
      {"in_channels", model.in_channels},
      {"layers_per_block", model.layers_per_block},
      {"mid_block_scale_factor", model.mid_block_scale_factor},
      {"mid_block_type", "UNetMidBlock2D"},
      {"norm_eps", model.norm_eps},
      {"norm_num_groups", model.norm_num_groups},
      {"num_class_embeds", or_null(model.num_class_embeds)},
      {"num_train_timesteps", nullptr},
      {"out_channels", model.out_channels},
      {"resnet_time_scale_shift", to_name(model.resnet_time_scale_shift)},
      {"sample_size", sample_size_json(model.sample_size)},
      {"time_embedding_dim", or_null(model.time_embedding_dim)},
      {"time_embedding_type", "positional"},
      {"up_block_types", model.up_block_types},
      {"upsample_type", to_name(model.upsample_type)},
  };
  if (model.null_class_label) config["_null_class_label"] = *model.null_class_label;
  if (!model.class_names.empty()) config["_class_names"] = model.class_names;
  return config;
}

ModelConfig unet_config_from_json(const json& object, const std::string& origin) {
  ConfigReader in(object, origin);
  check_class(object, "UNet2DModel", origin);
  ModelConfig model;
  model.sample_size = in.integers("sample_size", {});
  if (model.sample_size.size() == 1) model.sample_size.push_back(model.sample_size[0]);
  model.in_channels = in.integer("in_channels", 3);
  model.out_channels = in.integer("out_channels", 3);
  model.center_input_sample = in.boolean("center_input_sample", false);
  model.time_embedding_dim = in.optional_integer("time_embedding_dim", std::nullopt);
  model.freq_shift = in.number("freq_shift", 0);
  model.flip_sin_to_cos = in.boolean("flip_sin_to_cos", true);
  model.down_block_types = modern_block_types(
      in.texts("down_block_types",
               {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"}));
  model.up_block_types = modern_block_types(in.texts(
      "up_block_types", {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"}));
  model.block_out_channels = in.integers("block_out_channels", {224, 448, 672, 896});
  model.layers_per_block = in.integer("layers_per_block", 2);
  model.mid_block_scale_factor = in.number("mid_block_scale_factor", 1);
  model.downsample_padding = in.integer("downsample_padding", 1);
  model.downsample_type = in.choice("downsample_type", Resampling::kConv);
  model.upsample_type = in.choice("upsample_type", Resampling::kConv);
  model.dropout = in.number("dropout", 0);
  model.attention_head_dim = in.optional_integer("attention_head_dim", 8);
  model.norm_num_groups = in.integer("norm_num_groups", 32);
  model.attn_norm_num_groups = in.optional_integer("attn_norm_num_groups", std::nullopt);
  model.norm_eps = in.number("norm_eps", 1e-5);
  model.resnet_time_scale_shift = in.choice("resnet_time_scale_shift", TimeScaleShift::kDefault);
  model.add_attention = in.boolean("add_attention", true);
  model.num_class_embeds = in.optional_integer("num_class_embeds", std::nullopt);
  model.class_conditional = model.num_class_embeds.has_value();
  model.null_class_label = in.optional_integer("_null_class_label", std::nullopt);
  model.class_names = in.texts("_class_names", {});
  in.require("time_embedding_type", "positional");
  in.require("class_embed_type", nullptr);
  in.require("num_train_timesteps", nullptr);
  if (object.contains("mid_block_type") && object["mid_block_type"].is_null()) {
    throw CheckpointError(origin, ": mid_block_type null is not supported");
  }
  in.require("mid_block_type", "UNetMidBlock2D");
  if (in.text("act_fn", "silu") != "swish") in.require("act_fn", "silu");
  in.refuse_unknown();
  check_null_label(model, origin);
  check_model_rules(model, origin);
  return model;
}

json scheduler_config_to_json(const DiffusionConfig& diffusion, const SampleConfig& sample) {
  const bool shared_spacing = sample.timestep_spacing == TimestepSpacing::kTrailing ||
                              sample.timestep_spacing == TimestepSpacing::kLinspace;
  const auto spacing = shared_spacing ? sample.timestep_spacing : TimestepSpacing::kLeading;
  return {
      {"_class_name", "DDPMScheduler"},
      {"_diffusers_version", kDiffusersVersion},
      {"beta_end", diffusion.beta_end},
      {"beta_schedule", to_name(diffusion.beta_schedule)},
      {"beta_start", diffusion.beta_start},
      {"clip_sample", sample.clip_sample},
      {"clip_sample_range", sample.clip_sample_range},
      {"dynamic_thresholding_ratio", 0.995},
      {"num_train_timesteps", diffusion.num_train_timesteps},
      {"prediction_type", to_name(diffusion.prediction_type)},
      {"rescale_betas_zero_snr", false},
      {"sample_max_value", 1.0},
      {"steps_offset", sample.steps_offset},
      {"thresholding", false},
      {"timestep_spacing", to_name(spacing)},
      {"trained_betas", nullptr},
      {"variance_type", to_name(sample.variance_type)},
  };
}

void scheduler_config_from_json(const json& object, const std::string& origin,
                                DiffusionConfig& diffusion, SampleConfig& sample) {
  ConfigReader in(object, origin);
  diffusion.num_train_timesteps = in.integer("num_train_timesteps", 1000);
  diffusion.beta_start = in.number("beta_start", 1e-4);
  diffusion.beta_end = in.number("beta_end", 0.02);
  diffusion.beta_schedule = in.choice("beta_schedule", BetaSchedule::kLinear);
  diffusion.prediction_type = in.choice("prediction_type", PredictionType::kEpsilon);
  sample.clip_sample = in.boolean("clip_sample", true);
  sample.clip_sample_range = in.number("clip_sample_range", 1.0);
  sample.variance_type = in.choice("variance_type", VarianceType::kFixedSmall);
  sample.timestep_spacing = in.choice("timestep_spacing", TimestepSpacing::kLeading);
  sample.steps_offset = in.integer("steps_offset", 0);
  in.require("set_alpha_to_one", true);
  in.require("thresholding", false);
  in.require("rescale_betas_zero_snr", false);
  in.require("trained_betas", nullptr);
  if (diffusion.num_train_timesteps < 1 || !(diffusion.beta_start > 0) ||
      !(diffusion.beta_end < 1) || !(diffusion.beta_start <= diffusion.beta_end)) {
    throw CheckpointError(origin, ": expected timesteps and 0 < beta_start <= beta_end < 1");
  }
}

PipelineFolder load_pipeline_folder(const fs::path& path) {
  PipelineFolder folder;
  folder.path = path;
  const fs::path unet = fs::exists(path / "unet" / "config.json") ? path / "unet" : path;
  if (!fs::exists(unet / "config.json")) {
    throw CheckpointError(path.string(),
                          ": not a checkpoint, expected unet/config.json or config.json in it");
  }
  const auto config_file = unet / "config.json";
  folder.model = unet_config_from_json(load_json(config_file), config_file.string());
  const auto scheduler = find_scheduler(path, unet);
  if (scheduler.empty()) {
    throw CheckpointError(path.string(), ": expected scheduler/scheduler_config.json in it");
  }
  scheduler_config_from_json(load_json(scheduler), scheduler.string(), folder.diffusion,
                             folder.sample);
  folder.sample.steps = std::min(folder.sample.steps, folder.diffusion.num_train_timesteps);
  folder.weights = load_weights(find_weights(unet));
  return folder;
}

void save_pipeline_folder(const fs::path& path, const Config& config,
                          const NamedTensors& weights) {
  const json index = {{"_class_name", "DDPMPipeline"},
                      {"_diffusers_version", kDiffusersVersion},
                      {"scheduler", {"diffusers", "DDPMScheduler"}},
                      {"unet", {"diffusers", "UNet2DModel"}}};
  fs::create_directories(path / "unet");
  fs::create_directories(path / "scheduler");
  write_file_atomic(path / "model_index.json", format_json(index));
  write_file_atomic(path / "unet" / "config.json", format_json(unet_config_to_json(config.model)));
  write_file_atomic(path / "scheduler" / "scheduler_config.json",
                    format_json(scheduler_config_to_json(config.diffusion, config.sample)));
  save_safetensors(path / "unet" / kWeightsFile, weights);
}

}  // namespace ddpm
