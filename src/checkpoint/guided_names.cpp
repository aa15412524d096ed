#include "ddpm/checkpoint/guided_names.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr std::string_view kResidualEnd = "in_layers.2.weight";

/// Parts of a residual block, theirs and ours.
constexpr std::array<std::pair<const char*, const char*>, 5> kResidualParts{{
    {"in_layers.0", "norm1"},
    {"in_layers.2", "conv1"},
    {"emb_layers.1", "time_emb_proj"},
    {"out_layers.0", "norm2"},
    {"out_layers.3", "conv2"},
}};

/// Reads the blocks one after the other and notes what each tensor is called today.
class GuidedReader {
 public:
  GuidedReader(const NamedShapes& shapes, const std::string& origin)
      : shapes_(shapes),
        origin_(origin) {}

  GuidedNetwork read() {
    read_ends();
    read_levels();
    for (int64_t level = 0; level < levels_; ++level)
      read_down(level);
    residual("middle_block.0", "mid_block.resnets.0");
    attention("middle_block.1", "mid_block.attentions.0");
    residual("middle_block.2", "mid_block.resnets.1");
    for (int64_t level = 0; level < levels_; ++level)
      read_up(level);
    check_nothing_is_left();
    found_.attention_channels.assign(attention_channels_.begin(), attention_channels_.end());
    return std::move(found_);
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw CheckpointError(origin_, ": ", parts...);
  }

  bool has(const std::string& name) const { return shapes_.contains(name); }

  const std::vector<int64_t>& shape(const std::string& name, size_t extents) const {
    const auto found = shapes_.find(name);
    if (found == shapes_.end()) fail("tensor '", name, "' is missing");
    constexpr int64_t kMostChannels = 1 << 20;
    for (const int64_t extent : found->second)
      if (extent < 1 || extent > kMostChannels)
        fail("tensor '", name, "': expected extents from 1 to ", kMostChannels, ", got ", extent);
    if (found->second.size() != extents)
      fail("tensor '", name, "': expected ", extents, " extents, got ", found->second.size());
    return found->second;
  }

  /// Weight and bias of a layer.
  void layer(const std::string& theirs, const std::string& ours) {
    for (const char* part : {".weight", ".bias"}) {
      if (!has(theirs + part)) fail("tensor '", theirs, part, "' is missing");
      found_.names[theirs + part] = ours + part;
    }
  }

  void residual(const std::string& theirs, const std::string& ours) {
    for (const auto& [old_part, new_part] : kResidualParts)
      layer(theirs + "." + old_part, ours + "." + new_part);
    if (has(theirs + ".skip_connection.weight"))
      layer(theirs + ".skip_connection", ours + ".conv_shortcut");
  }

  void attention(const std::string& theirs, const std::string& ours) {
    layer(theirs + ".norm", ours + ".group_norm");
    layer(theirs + ".proj_out", ours + ".to_out.0");
    for (const char* part : {".qkv.weight", ".qkv.bias"})
      if (!has(theirs + part)) fail("tensor '", theirs, part, "' is missing");
    found_.qkv[theirs + ".qkv"] = ours;
    attention_channels_.insert(shape(theirs + ".norm.weight", 1)[0]);
  }

  /// What stands before and behind the blocks, and what it says of images and classes.
  void read_ends() {
    if (!has("output_blocks.0.0.in_layers.0.weight"))
      fail(
          "a classifier of guided-diffusion, or no U-Net: it has no output_blocks; expected a "
          "diffusion model");
    layer("input_blocks.0.0", "conv_in");
    layer("time_embed.0", "time_embedding.linear_1");
    layer("time_embed.2", "time_embedding.linear_2");
    layer("out.0", "conv_norm_out");
    layer("out.2", "conv_out");
    auto& signature = found_.network.signature;
    const auto& first = shape("input_blocks.0.0.weight", 4);
    const auto& time = shape("time_embed.0.weight", 2);
    if (time[1] != first[0])
      fail("its first level has ", first[0], " channels, its embedding of time ", time[1],
           " (channel_mult that does not begin with 1), which UNet2DModel cannot express");
    found_.network.model.time_embedding_dim = time[0];
    signature.in_channels = signature.data_channels = first[1];
    signature.out_channels = shape("out.2.weight", 4)[0];
    const bool enlarges =
        signature.in_channels == 6 || (signature.out_channels != signature.in_channels &&
                                       signature.out_channels != 2 * signature.in_channels);
    if (enlarges)
      fail("takes ", signature.in_channels, " channels and gives ", signature.out_channels,
           ": a network that enlarges images (SuperResModel) or no diffusion model");
    if (!has("label_emb.weight")) return;
    found_.names["label_emb.weight"] = "class_embedding.weight";
    signature.classes = shape("label_emb.weight", 2)[0];
    found_.network.model.class_conditional = true;
  }

  /// Whether there is a residual block at this name.
  bool is_residual(const std::string& name) const {
    return has(name + "." + std::string(kResidualEnd));
  }

  /// The layer behind the attention, or the residual block, of an output block that makes the
  /// images larger; empty if it does not.
  std::string upsampler_of(int64_t block) const {
    for (const char* place : {".1", ".2"}) {
      const auto name = "output_blocks." + std::to_string(block) + place;
      if (has(name + ".conv.weight") || is_residual(name)) return name;
    }
    return "";
  }

  /// How many blocks and levels there are: the first upsampling tells.
  void read_levels() {
    int64_t blocks = 0;
    while (is_residual("output_blocks." + std::to_string(blocks) + ".0"))
      ++blocks;
    int64_t first = 0;
    while (first < blocks && upsampler_of(first).empty())
      ++first;
    per_level_ = first < blocks ? first + 1 : blocks;
    levels_ = blocks / std::max<int64_t>(per_level_, 1);
    if (levels_ * per_level_ != blocks || per_level_ < 2)
      fail("has ", blocks, " output_blocks, of which number ", first,
           " makes images larger: no U-Net of equal levels");
    found_.network.model.layers_per_block = per_level_ - 1;
    prepare_model();
  }

  void prepare_model() {
    auto& model = found_.network.model;
    resnets_resample_ = levels_ > 1 && is_residual(upsampler_of(per_level_ - 1));
    model.downsample_type = resnets_resample_ ? Resampling::kResnet : Resampling::kConv;
    model.upsample_type = model.downsample_type;
    model.downsample_padding = 1;
    model.norm_num_groups = 32;
    model.attn_norm_num_groups = 32;
    model.norm_eps = 1e-5;
    model.flip_sin_to_cos = true;
    model.freq_shift = 0;
    model.dropout = 0;
    const auto channels = shape("input_blocks.1.0.out_layers.0.weight", 1)[0];
    const auto shifts = shape("input_blocks.1.0.emb_layers.1.weight", 2)[0];
    model.resnet_time_scale_shift =
        shifts == 2 * channels ? TimeScaleShift::kScaleShift : TimeScaleShift::kDefault;
    model.block_out_channels.clear();
    model.down_block_types.clear();
    model.up_block_types.clear();
  }

  void read_down(int64_t level) {
    const auto ours = "down_blocks." + std::to_string(level);
    const int64_t first = 1 + level * per_level_;
    for (int64_t i = 0; i + 1 < per_level_; ++i) {
      const auto theirs = "input_blocks." + std::to_string(first + i);
      const auto number = "." + std::to_string(i);
      residual(theirs + ".0", ours + ".resnets" + number);
      if (has(theirs + ".1.qkv.weight")) attention(theirs + ".1", ours + ".attentions" + number);
    }
    const auto name = "input_blocks." + std::to_string(first);
    found_.network.model.block_out_channels.push_back(shape(name + ".0.out_layers.3.weight", 4)[0]);
    found_.network.model.down_block_types.push_back(
        block_type(has(name + ".1.qkv.weight"), "Down"));
    if (level + 1 == levels_) return;
    const auto theirs = "input_blocks." + std::to_string(first + per_level_ - 1) + ".0";
    resample(theirs, theirs + ".op", ours + ".downsamplers.0");
  }

  void read_up(int64_t level) {
    const auto ours = "up_blocks." + std::to_string(level);
    for (int64_t i = 0; i < per_level_; ++i) {
      const auto theirs = "output_blocks." + std::to_string(level * per_level_ + i);
      const auto number = "." + std::to_string(i);
      residual(theirs + ".0", ours + ".resnets" + number);
      if (has(theirs + ".1.qkv.weight")) attention(theirs + ".1", ours + ".attentions" + number);
    }
    const auto first = "output_blocks." + std::to_string(level * per_level_);
    found_.network.model.up_block_types.push_back(block_type(has(first + ".1.qkv.weight"), "Up"));
    if (level + 1 == levels_) return;
    const auto theirs = upsampler_of(level * per_level_ + per_level_ - 1);
    resample(theirs, theirs + ".conv", ours + ".upsamplers.0");
  }

  void resample(const std::string& residual_block, const std::string& convolution,
                const std::string& ours) {
    if (resnets_resample_) return residual(residual_block, ours);
    if (!has(convolution + ".weight"))
      fail("tensor '", convolution,
           ".weight' is missing; average pooling between levels "
           "(conv_resample False) is nothing that UNet2DModel can express");
    layer(convolution, ours + ".conv");
  }

  std::string block_type(bool attends, const std::string& direction) const {
    if (attends) return "Attn" + direction + "Block2D";
    if (!resnets_resample_) return direction + "Block2D";
    return "Resnet" + direction + "sampleBlock2D";
  }

  void check_nothing_is_left() const {
    std::vector<std::string> left;
    for (const auto& [name, unused] : shapes_) {
      const auto layer = name.substr(0, name.rfind('.'));
      if (!found_.names.contains(name) && !found_.qkv.contains(layer)) left.push_back(name);
    }
    constexpr size_t kMostNames = 8;
    const size_t count = left.size();
    if (count > kMostNames) left.resize(kMostNames);
    if (count > 0)
      fail("of ", shapes_.size(), " tensors ", count,
           " are not part of a U-Net of guided-diffusion: ", join(left),
           count > kMostNames ? ", ..." : "");
  }

  const NamedShapes& shapes_;
  const std::string& origin_;
  GuidedNetwork found_;
  std::set<int64_t> attention_channels_;
  int64_t per_level_ = 0;  // residual blocks on the way up
  int64_t levels_ = 0;
  bool resnets_resample_ = false;
};

}  // namespace

GuidedNetwork read_guided_network(const NamedShapes& shapes, const std::string& origin) {
  return GuidedReader(shapes, origin).read();
}

}  // namespace ddpm
