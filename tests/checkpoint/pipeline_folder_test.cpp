#include "ddpm/checkpoint/pipeline_folder.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(PipelineFolder, OldAttentionNamesAreRead) {
  const auto folder = load_pipeline_folder(test_data("unet/old_root"));
  const bool renamed = folder.weights.contains("mid_block.attentions.0.to_out.0.weight");
  EXPECT_TRUE(renamed);
  EXPECT_FALSE(folder.weights.contains("mid_block.attentions.0.proj_attn.weight"));
}

TEST(PipelineFolder, RoundTripKeepsModelAndWeights) {
  const TempDir dir;
  const auto folder = load_pipeline_folder(test_data("unet/class_scale_shift"));
  Config config;
  config.model = folder.model;
  config.diffusion = folder.diffusion;
  config.sample = folder.sample;
  save_pipeline_folder(dir.path(), config, folder.weights);
  const auto back = load_pipeline_folder(dir.path());
  EXPECT_EQ(unet_config_to_json(back.model), unet_config_to_json(folder.model));
  ASSERT_EQ(back.weights.size(), folder.weights.size());
  for (const auto& [name, tensor] : folder.weights)
    EXPECT_TRUE(torch::equal(back.weights.at(name), tensor)) << name;
}

TEST(PipelineFolder, MissingPartsAreNamed) {
  const TempDir dir;
  const auto error = [&] {
    try {
      load_pipeline_folder(dir.path());
    } catch (const CheckpointError& caught) {
      return std::string(caught.what());
    }
    return std::string();
  };
  EXPECT_NE(error().find("config.json"), std::string::npos);
  dir.write("config.json", format_json(unet_config_to_json(tiny_model())));
  EXPECT_NE(error().find("diffusion_pytorch_model.safetensors"), std::string::npos);
  dir.write("diffusion_pytorch_model.bin", "pickle");
  EXPECT_NE(error().find("pickle"), std::string::npos);
}

TEST(PipelineFolder, AConfigBeyondItsWeightsIsRefusedBeforeMemoryIsTaken) {
  auto folder = load_pipeline_folder(test_data("unet/grey_attention"));
  folder.model.time_embedding_dim = 1 << 20;
  expect_error<CheckpointError>(
      [&] { load_unet(folder, torch::kCPU, torch::MemoryFormat::Contiguous); }, "too few");
}

}  // namespace
}  // namespace ddpm
