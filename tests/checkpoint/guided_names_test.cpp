#include "ddpm/checkpoint/guided_names.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/pickle.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

/// Shapes of a state dict of tests/data/convert.
NamedShapes shapes_of_file(const std::string& name, const std::string& prefix) {
  const auto bytes = read_file(std::string(DDPM_TEST_DATA) + "/convert/" + name);
  const ZipReader zip(bytes, name, bytes.size());
  NamedShapes shapes;
  for (const auto& entry : zip.entries()) {
    if (!entry.name.ends_with("data.pkl")) continue;
    for (const auto& [path, tensor] : parse_pickle(zip.read(entry), name).tensors)
      if (path.starts_with(prefix)) shapes[path.substr(prefix.size())] = tensor.shape;
  }
  return shapes;
}

class GuidedNames : public testing::Test {
 protected:
  void refused(const std::string& text) const {
    expect_error<CheckpointError>([&] { read_guided_network(shapes_, "x"); }, text);
  }

  NamedShapes shapes_ = shapes_of_file("guided_classes.pt", "");
};

TEST_F(GuidedNames, TellTheNetworkOfResamplingBlocks) {
  const auto found = read_guided_network(shapes_, "x");
  const auto& model = found.network.model;
  using Types = std::vector<std::string>;
  EXPECT_EQ(model.block_out_channels, (std::vector<int64_t>{32, 32}));
  EXPECT_EQ(model.layers_per_block, 1);
  EXPECT_EQ(model.down_block_types, (Types{"ResnetDownsampleBlock2D", "AttnDownBlock2D"}));
  EXPECT_EQ(model.up_block_types, (Types{"AttnUpBlock2D", "ResnetUpsampleBlock2D"}));
  EXPECT_EQ(model.downsample_type, Resampling::kResnet);
  EXPECT_EQ(model.resnet_time_scale_shift, TimeScaleShift::kScaleShift);
  EXPECT_EQ(found.network.signature.classes, 3);
  EXPECT_EQ(found.network.signature.out_channels, 6);
  EXPECT_EQ(found.attention_channels, std::vector<int64_t>{32});
  EXPECT_EQ(found.names.at("input_blocks.2.0.in_layers.2.weight"),
            "down_blocks.0.downsamplers.0.conv1.weight");
  EXPECT_EQ(found.names.at("output_blocks.1.2.out_layers.3.bias"),
            "up_blocks.0.upsamplers.0.conv2.bias");
}

TEST_F(GuidedNames, TellTheNetworkOfConvolutions) {
  shapes_ = shapes_of_file("guided_new_order.ckpt", "state_dict.model._orig_mod.");
  const auto found = read_guided_network(shapes_, "x");
  EXPECT_EQ(found.network.model.downsample_type, Resampling::kConv);
  EXPECT_EQ(found.network.model.down_block_types[0], "AttnDownBlock2D");
  EXPECT_EQ(found.network.model.resnet_time_scale_shift, TimeScaleShift::kDefault);
  EXPECT_EQ(found.names.at("input_blocks.2.0.op.weight"),
            "down_blocks.0.downsamplers.0.conv.weight");
  EXPECT_EQ(found.names.at("output_blocks.1.2.conv.bias"), "up_blocks.0.upsamplers.0.conv.bias");
  EXPECT_EQ(found.qkv.at("middle_block.1.qkv"), "mid_block.attentions.0");
}

TEST_F(GuidedNames, WhatIsMissingOrLeftOverIsNamed) {
  const auto whole = shapes_;
  for (const char* name :
       {"out.2.bias", "middle_block.1.qkv.weight", "input_blocks.1.0.emb_layers.1.weight",
        "output_blocks.3.0.in_layers.0.bias", "time_embed.0.weight"}) {
    shapes_ = whole;
    shapes_.erase(name);
    refused(name);
  }
  shapes_ = whole;
  shapes_["low_res.weight"] = {3};
  shapes_["input_blocks.1.0.extra"] = {3};
  refused("2 are not part of a U-Net of guided-diffusion: input_blocks.1.0.extra, low_res.weight");
}

TEST_F(GuidedNames, WhatCannotBeExpressedIsRefused) {
  const auto whole = shapes_;
  shapes_["input_blocks.0.0.weight"] = {16, 3, 3, 3};
  refused("channel_mult that does not begin with 1");
  shapes_ = whole;
  shapes_["input_blocks.0.0.weight"] = {32, 6, 3, 3};
  refused("enlarges images");
  shapes_ = whole;
  shapes_["out.2.weight"] = {1000, 32, 1, 1};
  refused("gives 1000");
  shapes_ = whole;
  std::erase_if(shapes_, [](const auto& item) { return item.first.starts_with("output_blocks"); });
  refused("a classifier of guided-diffusion");
  shapes_ = shapes_of_file("guided_new_order.ckpt", "state_dict.model._orig_mod.");
  shapes_.erase("input_blocks.2.0.op.weight");
  refused("average pooling");
}

}  // namespace
}  // namespace ddpm
