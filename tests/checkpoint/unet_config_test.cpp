#include "ddpm/checkpoint/unet_config.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "tests/support/tiny_model.h"

namespace ddpm {
namespace {

using nlohmann::json;

/// What reading the tiny model's config with these keys changed says.
std::string config_error(const char* change) {
  json config = unet_config_to_json(tiny_model());
  config.update(parse_json(change, "change"));
  try {
    unet_config_from_json(config, "config.json");
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(UNetConfig, RoundTripKeepsEverything) {
  auto network = tiny_model();
  network.model.attention_head_dim = 8;
  network.signature.class_names = {"a", "b", "c"};
  network.signature.sample_size = {8, 16};
  network.signature.in_channels = 4;
  const auto written = unet_config_to_json(network);
  EXPECT_EQ(unet_config_to_json(unet_config_from_json(written, "x")), written);
}

TEST(UNetConfig, AbsentKeysTakeDiffusersDefaults) {
  const auto [model, classifier, signature] = unet_config_from_json(json::object(), "x");
  EXPECT_EQ(model.attention_head_dim, 8);
  EXPECT_EQ(model.norm_eps, 1e-5);
  EXPECT_EQ(model.downsample_padding, 1);
  EXPECT_TRUE(model.flip_sin_to_cos);
  EXPECT_EQ(model.block_out_channels, (std::vector<int64_t>{224, 448, 672, 896}));
  EXPECT_EQ(signature.data_channels, 3);
  EXPECT_EQ(signature.classes, 0);
}

TEST(UNetConfig, WhatIsNotSupportedIsRefusedByName) {
  for (const char* change :
       {R"({"time_embedding_type": "fourier"})", R"({"class_embed_type": "timestep"})",
        R"({"act_fn": "mish"})", R"({"mid_block_type": null})",
        R"({"resnet_time_scale_shift": "spatial"})", R"({"downsample_type": "fir"})",
        R"({"some_new_option": 3})", R"({"downsample_padding": 2})", R"({"norm_num_groups": 5})",
        R"({"attention_head_dim": 17})", R"({"num_train_timesteps": 1000})",
        R"({"down_block_types": ["SkipDownBlock2D", "DownBlock2D"]})"}) {
    const auto key = parse_json(change, "x").begin().key();
    EXPECT_NE(config_error(change).find(key), std::string::npos) << config_error(change);
  }
  EXPECT_NE(config_error(R"({"_class_name": "UNet2DConditionModel"})"), "");
}

TEST(UNetConfig, WrongTypesAndAbsurdNumbersAreRefused) {
  for (const char* change : {R"({"in_channels": "3"})",
                             R"({"layers_per_block": -1})",
                             R"({"layers_per_block": 1e30})",
                             R"({"layers_per_block": 0})",
                             R"({"norm_num_groups": 0})",
                             R"({"block_out_channels": [8.5, 16]})",
                             R"({"block_out_channels": [0, 16]})",
                             R"({"down_block_types": [1, 2]})",
                             R"({"dropout": 1.5})",
                             R"({"_null_class_label": 9})",
                             R"({"num_class_embeds": 0})",
                             R"({"num_class_embeds": 1, "_null_class_label": 0})",
                             R"({"_null_class_label": 0})",
                             R"({"_class_name": 3})",
                             R"({"sample_size": [8, 8, 8]})",
                             R"({"sample_size": 0})",
                             R"({"sample_size": [8, 1000000]})",
                             R"({"_class_names": ["a\u0000b"]})",
                             R"({"_class_names": ["\u001b[2J"]})",
                             R"({"_class_names": ["a", "b", "c", "d"]})",
                             R"({"in_channels": 0})",
                             R"({"_data_channels": 0})",
                             R"({"_data_channels": 2})",
                             R"({"time_embedding_dim": 0})",
                             R"({"out_channels": 0})",
                             R"({"attn_norm_num_groups": 7})"})
    EXPECT_NE(config_error(change), "") << change;
}

TEST(UNetConfig, UnknownKeysThatSayOffAreFine) {
  EXPECT_EQ(config_error(R"({"some_new_option": null, "another": false, "_private": 3})"), "");
}

TEST(UNetConfig, KeysThatCannotChangeTheNetworkArePassedOver) {
  EXPECT_EQ(config_error(R"({"decay": 0.9999, "min_decay": 0.0, "inv_gamma": 1.0, "power": 0.75,
                             "optimization_step": 500, "update_after_step": 0,
                             "use_ema_warmup": true})"),
            "");
  EXPECT_EQ(config_error(R"({"torch_dtype": "float16", "gradient_checkpointing": true})"), "");
  EXPECT_NE(config_error(R"({"decays": 0.9})"), "");
}

TEST(UNetConfig, LongListsAreRefused) {
  std::string list = "[8";
  for (int i = 0; i < 64; ++i)
    list += ", 8";
  const auto change = R"({"block_out_channels": )" + list + "]}";
  EXPECT_NE(config_error(change.c_str()).find("at most 64"), std::string::npos);
}

TEST(UNetConfig, TellsALeastNumberOfParameters) {
  auto network = tiny_model();
  EXPECT_EQ(least_unet_parameters(network),
            32U * 32 + 9 * 8 + 9 * (8 * 8 + 16 * 16) + 4 * 32 + 9 * 8);
  network.model.block_out_channels = {8, 65536};
  EXPECT_GT(least_unet_parameters(network), 9ULL << 32);
  network = tiny_model();
  network.model.time_embedding_dim = 1 << 20;
  EXPECT_GT(least_unet_parameters(network), 1ULL << 40);
}

}  // namespace
}  // namespace ddpm
