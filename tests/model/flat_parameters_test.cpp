#include "ddpm/model/flat_parameters.h"

#include <gtest/gtest.h>

#include "ddpm/model/unet.h"
#include "ddpm/util/error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

class FlatParameters : public testing::Test {
 protected:
  FlatParameters() : unet_(tiny_model()), layout_(*unet_, torch::MemoryFormat::ChannelsLast) {
    unet_->init_weights(3);
    flat_ = torch::zeros({layout_.size()});
  }
  UNet unet_;
  FlatLayout layout_;
  torch::Tensor flat_;
};

TEST_F(FlatParameters, BindingSharesMemoryWithTheCopy) {
  const auto before = unet_->parameters()[0].clone();
  copy_parameters(*unet_, layout_, flat_);
  bind_parameters(unet_->parameters(), layout_.views(flat_));
  EXPECT_TRUE(torch::equal(unet_->parameters()[0], before));
  flat_.fill_(2.0);
  EXPECT_EQ(unet_->parameters()[0].max().item<float>(), 2.0F);
}

TEST_F(FlatParameters, OneChannelCountsAsChannelsLast) {
  const auto weight = layout_.named_views(flat_).at("conv_in.weight");
  ASSERT_EQ(weight.size(1), 1);
  EXPECT_TRUE(weight.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(weight.suggest_memory_format(), torch::MemoryFormat::ChannelsLast);
}

TEST_F(FlatParameters, EveryParameterStartsAtACacheLine) {
  for (const auto& view : layout_.views(flat_))
    EXPECT_EQ(view.storage_offset() % 16, 0);
}

TEST_F(FlatParameters, GradientsAreMovedAndAdded) {
  const auto gradients = torch::full({layout_.size()}, 7.0);
  const auto backward = [&] {
    const auto x = torch::ones({1, 1, 8, 8});
    const auto y = unet_->forward(x, torch::tensor({5}), {torch::tensor({0})});
    (y - 1).square().sum().backward();
  };
  backward();
  const auto expected = unet_->named_parameters()["conv_out.bias"].grad().clone();
  take_gradients(*unet_, layout_, gradients, false);
  const auto taken = layout_.named_views(gradients).at("conv_out.bias");
  EXPECT_TRUE(torch::equal(taken, expected));
  EXPECT_FALSE(unet_->named_parameters()["conv_out.bias"].grad().defined());
  backward();
  take_gradients(*unet_, layout_, gradients, true);
  EXPECT_TRUE(torch::allclose(taken, 2 * expected));
}

TEST_F(FlatParameters, LoadRefusesMissingUnknownAndMisshapenTensors) {
  auto tensors = layout_.named_views(torch::zeros({layout_.size()}));
  auto missing = tensors;
  missing.erase("conv_in.bias");
  auto unknown = tensors;
  unknown["extra"] = torch::zeros({1});
  auto misshapen = tensors;
  misshapen["conv_in.bias"] = torch::zeros({9});
  flat_.fill_(1.0);
  for (const auto& bad : {missing, unknown, misshapen})
    EXPECT_THROW(layout_.load(flat_, bad, "x"), CheckpointError);
  EXPECT_EQ(flat_.min().item<float>(), 1.0F);
  layout_.load(flat_, tensors, "x");
  EXPECT_EQ(layout_.views(flat_)[0].max().item<float>(), 0.0F);
}

}  // namespace
}  // namespace ddpm
