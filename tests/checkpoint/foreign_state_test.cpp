#include "ddpm/checkpoint/foreign_state.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"

namespace ddpm {
namespace {

PickleContent content_of(const std::vector<std::string>& tensors) {
  PickleContent content;
  for (const auto& name : tensors)
    content.tensors[name] = {};
  return content;
}

TEST(ForeignState, IsFoundWhereverTheNetworkIs) {
  for (const std::string prefix : {"", "state_dict.", "model.", "module.", "ema.",
                                   "state_dict.model._orig_mod.", "0.model."}) {
    const auto guided = find_foreign_state(
        content_of({prefix + "time_embed.0.weight", "optimizer.state.0.exp_avg"}), "x");
    EXPECT_EQ(guided.names, ForeignNames::kGuidedDiffusion);
    EXPECT_EQ(guided.prefix, prefix);
    const auto diffusers =
        find_foreign_state(content_of({prefix + "time_embedding.linear_1.weight"}), "x");
    EXPECT_EQ(diffusers.names, ForeignNames::kDiffusers);
    EXPECT_EQ(diffusers.prefix, prefix);
  }
}

TEST(ForeignState, TheAveragedNetworkIsTakenOfTwo) {
  const auto state =
      find_foreign_state(content_of({"model.time_embed.0.weight", "ema.time_embed.0.weight"}), "x");
  EXPECT_EQ(state.prefix, "ema.");
  expect_error<CheckpointError>(
      [] {
        find_foreign_state(content_of({"a.time_embed.0.weight", "b.time_embed.0.weight"}), "x");
      },
      "holds several networks: a., b.");
}

TEST(ForeignState, OtherFilesAreRefusedByName) {
  const std::pair<std::vector<std::string>, const char*> rows[] = {
      {{"model.model.init_conv.weight", "model.betas"}, "lucidrains"},
      {{"ema.ema_model.model.downs.0.0.block1.proj.weight"}, "lucidrains"},
      {{"ema.model.map_layer0.weight"}, "EDM"},
      {{"state_dict.first_stage_model.x", "state_dict.model.diffusion_model.time_embed.0.weight"},
       "latent diffusion"},
      {{"input_blocks.1.1.transformer_blocks.0.norm1.weight", "time_embed.0.weight"},
       "latent diffusion"},
      {{"state.0.exp_avg"}, "optimizer"},
      {{"layer1.weight", "fc.bias"}, "its tensors are called fc.bias, layer1.weight"},
      {{}, "it has no tensors"}};
  for (const auto& [tensors, text] : rows)
    expect_error<CheckpointError>([&] { find_foreign_state(content_of(tensors), "x"); }, text);
}

TEST(ForeignState, ObjectsOfOtherClassesAreRefusedByName) {
  PickleContent content;
  content.objects["ema"] = "torch_utils.persistence._reconstruct_persistent_obj";
  expect_error<CheckpointError>([&] { find_foreign_state(content, "x"); }, "EDM or StyleGAN");
  content.objects["ema"] = "my_project.Net";
  expect_error<CheckpointError>([&] { find_foreign_state(content, "x"); },
                                "my_project.Net, which only its own code can read");
}

}  // namespace
}  // namespace ddpm
