#include "ddpm/checkpoint/unet_config.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/config/rules.h"
#include "ddpm/util/text.h"

namespace ddpm {

using nlohmann::json;

namespace {

/// What classes around a network write into its config, and what says how it is computed or was
/// averaged: none of it changes its function.
constexpr auto kHarmless = std::to_array<std::string_view>(
    {"decay", "min_decay", "inv_gamma", "power", "optimization_step", "update_after_step",
     "use_ema_warmup", "foreach", "cur_decay_value", "collected_params", "torch_dtype", "dtype",
     "gradient_checkpointing", "transformers_version", "architectures", "model_type"});

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

void check_class(ConfigReader& in, const std::string& expected, const std::string& origin) {
  const auto name = in.text("_class_name", expected);
  if (name != expected) {
    throw CheckpointError(origin, ": holds a ", name, ", expected a ", expected);
  }
}

void check_sample_size(const std::vector<int64_t>& size, const std::string& origin) {
  constexpr int64_t kMaxSide = 16384;  // as data.image_size
  const auto fits = [](int64_t side) { return side >= 1 && side <= kMaxSide; };
  if (size.size() <= 2 && std::ranges::all_of(size, fits)) return;
  throw CheckpointError(origin, ": sample_size: expected one or two numbers from 1 to ", kMaxSide);
}

/// What settings derive from the data or leave alone, but a file can give.
void check_numbers(const NetworkConfig& network, const std::string& origin) {
  const auto& [model, classifier, signature] = network;
  for (const auto& [key, value] :
       {std::pair{"in_channels", signature.in_channels},
        std::pair{"out_channels", signature.out_channels},
        std::pair{"_data_channels", signature.data_channels},
        std::pair{"time_embedding_dim", model.time_embedding_dim.value_or(1)}})
    if (value < 1) throw CheckpointError(origin, ": ", key, ": expected at least 1, got ", value);
  if (signature.data_channels > signature.in_channels)
    throw CheckpointError(origin, ": _data_channels: expected at most the ", signature.in_channels,
                          " of in_channels, got ", signature.data_channels);
  const int64_t groups = model.attn_norm_num_groups.value_or(0);
  if (groups > 0 && model.block_out_channels.back() % groups != 0)
    throw CheckpointError(origin, ": attn_norm_num_groups: expected a divisor of ",
                          model.block_out_channels.back(), " channels, got ", groups);
}

/// Reads the classes of `signature` from the rows of the class embedding.
void read_classes(ConfigReader& in, const std::string& origin, Signature& signature) {
  const auto rows = in.optional_integer("num_class_embeds", std::nullopt);
  const auto null_label = in.optional_integer("_null_class_label", std::nullopt);
  signature.class_names = in.texts("_class_names", {});
  if (!std::ranges::all_of(signature.class_names, is_plain_text))
    throw CheckpointError(origin, ": _class_names: expected names without control characters");
  const int64_t labels = rows.value_or(0);
  const int64_t classes = labels - (null_label ? 1 : 0);
  const auto& names = signature.class_names;
  if (!names.empty() && std::ssize(names) != classes)
    throw CheckpointError(origin, ": _class_names: expected ", classes, " names, got ",
                          names.size());
  if (!rows) return;
  if (classes < 1)
    throw CheckpointError(origin, ": num_class_embeds ", labels, " leaves no class to ask for");
  if (null_label.value_or(labels - 1) != labels - 1) {
    throw CheckpointError(origin, ": _null_class_label must be the last row ", labels - 1, ", got ",
                          *null_label);
  }
  signature.classes = classes;
  signature.null_label = null_label;
}

Signature read_signature(ConfigReader& in, const std::string& origin) {
  Signature signature;
  signature.sample_size = in.integers("sample_size", {});
  check_sample_size(signature.sample_size, origin);
  if (signature.sample_size.size() == 1) signature.sample_size.push_back(signature.sample_size[0]);
  signature.in_channels = in.integer("in_channels", 3);
  signature.data_channels = in.integer("_data_channels", signature.in_channels);
  signature.out_channels = in.integer("out_channels", 3);
  read_classes(in, origin, signature);
  return signature;
}

}  // namespace

uint64_t least_downward_parameters(const NetworkConfig& network) {
  const auto& model = network.model;
  const auto& channels = model.block_out_channels;
  const auto square = [](int64_t size) { return static_cast<uint64_t>(size * size); };
  const int64_t time_dim = model.time_embedding_dim.value_or(4 * channels.front());
  uint64_t numbers = square(time_dim) +
                     static_cast<uint64_t>(9 * network.signature.in_channels * channels.front());
  for (const int64_t width : channels)
    numbers += 9 * square(width) * static_cast<uint64_t>(model.layers_per_block);
  return numbers;
}

uint64_t least_unet_parameters(const NetworkConfig& network) {
  const auto& signature = network.signature;
  const int64_t first = network.model.block_out_channels.front();
  const int64_t embedding =
      signature.labels() * network.model.time_embedding_dim.value_or(4 * first);
  return least_downward_parameters(network) +
         static_cast<uint64_t>(embedding + 9 * first * signature.out_channels);
}

void check_weight_count(uint64_t numbers, uint64_t least, const std::filesystem::path& folder) {
  if (numbers >= least) return;
  throw CheckpointError(folder.string(), ": the weights are too few for its config.json");
}

json unet_config_to_json(const NetworkConfig& network) {
  const auto& [model, classifier, signature] = network;
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
      {"in_channels", signature.in_channels},
      {"layers_per_block", model.layers_per_block},
      {"mid_block_scale_factor", model.mid_block_scale_factor},
      {"mid_block_type", "UNetMidBlock2D"},
      {"norm_eps", model.norm_eps},
      {"norm_num_groups", model.norm_num_groups},
      {"num_class_embeds", signature.classes > 0 ? json(signature.labels()) : json(nullptr)},
      {"num_train_timesteps", nullptr},
      {"out_channels", signature.out_channels},
      {"resnet_time_scale_shift", to_name(model.resnet_time_scale_shift)},
      {"sample_size", sample_size_json(signature.sample_size)},
      {"time_embedding_dim", or_null(model.time_embedding_dim)},
      {"time_embedding_type", "positional"},
      {"up_block_types", model.up_block_types},
      {"upsample_type", to_name(model.upsample_type)},
  };
  if (signature.null_label) config["_null_class_label"] = *signature.null_label;
  if (!signature.class_names.empty()) config["_class_names"] = signature.class_names;
  if (signature.data_channels != signature.in_channels)
    config["_data_channels"] = signature.data_channels;
  return config;
}

NetworkConfig unet_config_from_json(const json& object, const std::string& origin) {
  ConfigReader in(object, origin);
  check_class(in, "UNet2DModel", origin);
  NetworkConfig network;
  network.signature = read_signature(in, origin);
  auto& model = network.model;
  model.center_input_sample = in.boolean("center_input_sample", false);
  model.time_embedding_dim = in.optional_integer("time_embedding_dim", std::nullopt);
  model.freq_shift = in.number("freq_shift", 0);
  model.flip_sin_to_cos = in.boolean("flip_sin_to_cos", true);
  model.down_block_types =
      modern_block_types(in.texts("down_block_types", {"DownBlock2D", "AttnDownBlock2D",
                                                       "AttnDownBlock2D", "AttnDownBlock2D"}));
  model.up_block_types = modern_block_types(
      in.texts("up_block_types", {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"}));
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
  model.class_conditional = network.signature.classes > 0;
  in.require("time_embedding_type", "positional");
  in.require("class_embed_type", nullptr);
  in.require("num_train_timesteps", nullptr);
  if (object.contains("mid_block_type") && object["mid_block_type"].is_null()) {
    throw CheckpointError(origin, ": mid_block_type null is not supported");
  }
  in.require("mid_block_type", "UNetMidBlock2D");
  if (in.text("act_fn", "silu") != "swish") in.require("act_fn", "silu");
  in.refuse_unknown(kHarmless);
  check_rules_of_file(origin, [&] { check_model(model); });
  check_numbers(network, origin);
  return network;
}

}  // namespace ddpm
