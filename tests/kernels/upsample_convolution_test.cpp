#include "ddpm/kernels/upsample_convolution.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>

namespace ddpm {
namespace {

constexpr int64_t kIn = 8;
constexpr int64_t kOut = 12;

/// x, weight and bias, each with a gradient.
std::vector<torch::Tensor> random_pixels(torch::Dtype type, int64_t height, int64_t width) {
  torch::manual_seed(7);
  std::vector<torch::Tensor> inputs{
      torch::randn({3, kIn, height, width}).contiguous(torch::MemoryFormat::ChannelsLast),
      torch::randn({kOut, kIn, 3, 3}), torch::randn({kOut})};
  for (auto& tensor : inputs)
    tensor = tensor.to(type).requires_grad_();
  return inputs;
}

/// The output and the gradients of x, weight and bias, in float64.
template <typename Function>
std::vector<torch::Tensor> results_of(Function function, const std::vector<torch::Tensor>& in) {
  const auto y = function(in[0], in[1], in[2]);
  torch::manual_seed(8);
  y.backward(torch::randn(y.sizes()).to(y.scalar_type()));
  std::vector<torch::Tensor> results{y.detach().to(torch::kFloat64)};
  for (const auto& input : in)
    results.push_back(input.grad().to(torch::kFloat64));
  return results;
}

double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).norm() / b.norm()).item<double>();
}

class UpsampleConvolution : public testing::TestWithParam<std::pair<int64_t, int64_t>> {};

TEST_P(UpsampleConvolution, AgreesWithItsTwinAndItsGradients) {
  const auto [height, width] = GetParam();
  const auto ours = results_of(upsample_convolution, random_pixels(torch::kFloat32, height, width));
  const auto twin =
      results_of(upsample_convolution_reference, random_pixels(torch::kFloat64, height, width));
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), twin[i].sizes()) << i;
    EXPECT_LT(relative_error(ours[i], twin[i]), 1e-6) << i;
  }
}

TEST_P(UpsampleConvolution, IsAsExactInBFloat16AsItsTwin) {
  const auto [height, width] = GetParam();
  const auto exact =
      results_of(upsample_convolution_reference, random_pixels(torch::kFloat64, height, width));
  const auto ours =
      results_of(upsample_convolution, random_pixels(torch::kBFloat16, height, width));
  for (size_t i = 0; i < ours.size(); ++i)
    EXPECT_LT(relative_error(ours[i], exact[i]), 0.006) << i;
}

INSTANTIATE_TEST_SUITE_P(Sizes, UpsampleConvolution,
                         testing::Values(std::pair<int64_t, int64_t>{8, 8},
                                         std::pair<int64_t, int64_t>{9, 14},
                                         std::pair<int64_t, int64_t>{2, 3}));

TEST(UpsampleConvolution, GivesEachGradientAlone) {
  const auto all = random_pixels(torch::kFloat32, 8, 9);
  upsample_convolution(all[0], all[1], all[2]).square().sum().backward();
  for (size_t i = 0; i < all.size(); ++i) {
    auto in = random_pixels(torch::kFloat32, 8, 9);
    for (size_t k = 0; k < in.size(); ++k)
      in[k].requires_grad_(k == i);
    upsample_convolution(in[0], in[1], in[2]).square().sum().backward();
    EXPECT_TRUE(torch::equal(in[i].grad(), all[i].grad())) << i;
  }
}

TEST(UpsampleConvolution, WithoutGradientsGivesTheSameBits) {
  const auto in = random_pixels(torch::kBFloat16, 8, 9);
  const auto with = upsample_convolution(in[0], in[1], in[2]);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(with, upsample_convolution(in[0], in[1], in[2])));
}

}  // namespace
}  // namespace ddpm
