#include "ddpm/kernels/group_norm_convolution.h"

#include <tuple>

#include <gtest/gtest.h>
#include <torch/autograd.h>

namespace ddpm {
namespace {

constexpr int64_t kChannels = 8;
const GroupNormOptions kOptions{4, 1e-5, Activation::kSilu};

/// x, shift, scale_shift, norm weight and bias, convolution weight and bias, each with a gradient.
std::vector<torch::Tensor> random_operands(torch::Dtype type, bool scale_shift) {
  torch::manual_seed(7);
  const auto modulation = torch::randn({3, scale_shift ? 2 * kChannels : kChannels}).to(type);
  std::vector<torch::Tensor> inputs{
      torch::randn({3, kChannels, 6, 5}).to(type).contiguous(torch::MemoryFormat::ChannelsLast),
      scale_shift ? torch::Tensor() : modulation,
      scale_shift ? modulation : torch::Tensor(),
      torch::rand({kChannels}) + 0.5,
      torch::randn({kChannels}),
      torch::randn({12, kChannels, 3, 3}).to(type),
      torch::randn({12}).to(type)};
  for (auto& tensor : inputs)
    if (tensor.defined()) tensor.requires_grad_();
  return inputs;
}

torch::Tensor one_after_the_other(const std::vector<torch::Tensor>& in) {
  const auto y = group_norm(in[0], {in[1], in[2]}, in[3], in[4], kOptions);
  return at::conv2d(y, in[5], in[6], {2, 1}, {1, 0});
}

torch::Tensor fused(const std::vector<torch::Tensor>& in) {
  return group_norm_convolution(in[0], {in[1], in[2]}, in[3], in[4], kOptions,
                                {in[5], in[6], {2, 1}, {1, 0}});
}

class GroupNormConvolution : public testing::TestWithParam<std::tuple<torch::Dtype, bool>> {};

TEST_P(GroupNormConvolution, GivesTheBitsOfTheTwoOperators) {
  const auto [type, scale_shift] = GetParam();
  std::vector<std::vector<torch::Tensor>> results;
  for (const auto function : {fused, one_after_the_other}) {
    const auto inputs = random_operands(type, scale_shift);
    const auto y = function(inputs);
    torch::manual_seed(8);
    y.backward(torch::randn(y.sizes()).to(type));
    results.push_back({y.detach()});
    for (const auto& input : inputs)
      if (input.defined()) results.back().push_back(input.grad());
  }
  ASSERT_EQ(results[0].size(), 7U);
  for (size_t i = 0; i < results[0].size(); ++i)
    EXPECT_TRUE(torch::equal(results[0][i], results[1][i])) << i;
}

INSTANTIATE_TEST_SUITE_P(Cases, GroupNormConvolution,
                         testing::Combine(testing::Values(torch::kFloat32, torch::kBFloat16),
                                          testing::Bool()));

// The backward pass counts by hand which edge of the graph is whose.
TEST_P(GroupNormConvolution, GivesEachGradientAlone) {
  const auto [type, scale_shift] = GetParam();
  const auto gradients = [&](size_t first, size_t count) {
    auto inputs = random_operands(type, scale_shift);
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].defined()) inputs[i].requires_grad_(i >= first && i < first + count);
    fused(inputs).square().sum().backward();
    return inputs;
  };
  const auto all = gradients(0, 7);
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i].defined()) continue;
    EXPECT_TRUE(torch::equal(gradients(i, 1)[i].grad(), all[i].grad())) << i;
  }
}

TEST(GroupNormConvolution, WithoutGradientsGivesTheSameBits) {
  const auto inputs = random_operands(torch::kBFloat16, false);
  const auto with = fused(inputs);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(with, fused(inputs)));
}

}  // namespace
}  // namespace ddpm
