#include "ddpm/checkpoint/weight_names.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

using Names = std::vector<std::string>;

/// Today's names in the order of the names in the file.
Names modern(const Names& names) {
  Names found;
  for (const auto& [name, now] : modern_weight_names(names))
    found.push_back(now);
  return found;
}

TEST(WeightNames, AreWithoutWrappersAndSharedPrefixes) {
  const Names plain{"conv_in.bias", "conv_in.weight", "mid_block.resnets.0.norm1.weight"};
  for (const char* prefix :
       {"", "module.", "_orig_mod.", "model.", "net.", "unet.", "module._orig_mod.",
        "_orig_mod.module.", "model.unet.", "state.ema_model.module.", "model.diffusion_model."}) {
    Names names;
    for (const auto& name : plain)
      names.push_back(prefix + name);
    EXPECT_EQ(modern(names), plain) << prefix;
  }
}

TEST(WeightNames, AreWithoutWrappersOfParts) {
  EXPECT_EQ(modern({"conv_in.weight", "mid_block._orig_mod.resnets.0.conv1.weight"}),
            (Names{"conv_in.weight", "mid_block.resnets.0.conv1.weight"}));
}

TEST(WeightNames, KeepWhatOnlySomeShare) {
  const Names names{"model.conv_in.bias", "model.conv_in.weight", "time.betas"};
  EXPECT_EQ(modern(names), names);
  EXPECT_EQ(modern({"conv_in.weight"}), Names{"conv_in.weight"});
}

TEST(WeightNames, LeaveOutTheCountersOfAverages) {
  EXPECT_EQ(modern({"module.a.weight", "module.b.weight", "n_averaged"}),
            (Names{"a.weight", "b.weight"}));
  EXPECT_EQ(modern({"decay", "model.a.weight", "model.b.weight", "num_updates"}),
            (Names{"a.weight", "b.weight"}));
}

TEST(WeightNames, OfAttentionAreTodays) {
  EXPECT_EQ(modern({"a.attentions.0.key.bias", "a.attentions.0.proj_attn.weight",
                    "a.attentions.0.query.bias", "a.attentions.0.value.bias", "b.key.weight"}),
            (Names{"a.attentions.0.to_k.bias", "a.attentions.0.to_out.0.weight",
                   "a.attentions.0.to_q.bias", "a.attentions.0.to_v.bias", "b.key.weight"}));
}

}  // namespace
}  // namespace ddpm
