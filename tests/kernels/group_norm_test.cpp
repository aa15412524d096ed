#include "ddpm/kernels/group_norm.h"

#include <tuple>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

namespace ddpm {
namespace {

/// Inputs of one call, each with a gradient.
struct Inputs {
  torch::Tensor x;
  torch::Tensor shift;
  torch::Tensor scale_shift;
  torch::Tensor weight;
  torch::Tensor bias;
};

enum class Modulated { kNo, kShift, kScaleShift };

Inputs random_inputs(torch::Dtype type, Modulated modulated, int64_t channels, int64_t side) {
  torch::manual_seed(5);
  Inputs in;
  in.x = (torch::randn({3, channels, side, side + 1}) * 2 + 1)
             .to(type)
             .contiguous(torch::MemoryFormat::ChannelsLast);
  if (modulated == Modulated::kShift) in.shift = torch::randn({3, channels}).to(type);
  if (modulated == Modulated::kScaleShift) {
    in.scale_shift = torch::randn({3, 2 * channels}).to(type);
  }
  in.weight = torch::rand({channels}) + 0.5;
  in.bias = torch::randn({channels});
  for (auto* tensor : {&in.x, &in.shift, &in.scale_shift, &in.weight, &in.bias})
    if (tensor->defined()) tensor->requires_grad_();
  return in;
}

using Function = torch::Tensor (*)(const torch::Tensor&, const Modulation&, const torch::Tensor&,
                                   const torch::Tensor&, const GroupNormOptions&);

/// Output and all gradients, float32.
std::vector<torch::Tensor> results(Function function, Inputs in, const GroupNormOptions& options) {
  const auto y = function(in.x, {in.shift, in.scale_shift}, in.weight, in.bias, options);
  torch::manual_seed(6);
  const auto dy = torch::randn(y.sizes()).to(y.scalar_type());
  y.backward(dy);
  std::vector<torch::Tensor> all{y.detach()};
  for (const auto& tensor : {in.x, in.shift, in.scale_shift, in.weight, in.bias})
    if (tensor.defined()) all.push_back(tensor.grad());
  for (auto& tensor : all)
    tensor = tensor.to(torch::kFloat32);
  return all;
}

class FusedGroupNorm
    : public testing::TestWithParam<std::tuple<torch::Dtype, Modulated, Activation, int64_t>> {};

TEST_P(FusedGroupNorm, AgreesWithItsTwinForwardAndBackward) {
  const auto [type, modulated, activation, channels] = GetParam();
  const GroupNormOptions options{4, 1e-5, activation};
  const auto ours = results(group_norm, random_inputs(type, modulated, channels, 17), options);
  const auto exact = results(group_norm_reference,
                             random_inputs(torch::kFloat32, modulated, channels, 17), options);
  // The bfloat16 inputs are those of float32, rounded: the tolerance is that of the rounding.
  const double tolerance = type == torch::kFloat32 ? 4e-6 : 1.5e-2;
  ASSERT_EQ(ours.size(), exact.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    const double scale = exact[i].abs().max().item<double>();
    EXPECT_LT((ours[i] - exact[i]).abs().max().item<double>(), tolerance * scale + 1e-5) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, FusedGroupNorm,
    testing::Combine(testing::Values(torch::kFloat32, torch::kBFloat16),
                     testing::Values(Modulated::kNo, Modulated::kShift, Modulated::kScaleShift),
                     testing::Values(Activation::kNone, Activation::kSilu),
                     testing::Values(int64_t{4}, int64_t{12}, int64_t{52}, int64_t{64})));

TEST(GroupNorm, LargeMeansCostNoDigits) {
  torch::manual_seed(1);
  const auto x =
      (torch::randn({1, 8, 32, 32}) + 1000.0).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto ones = torch::ones({8});
  const auto zeros = torch::zeros({8});
  const GroupNormOptions options{2, 1e-5, Activation::kNone};
  const auto ours = group_norm(x, {}, ones, zeros, options);
  const auto exact = group_norm_reference(x.to(torch::kFloat64), {}, ones.to(torch::kFloat64),
                                          zeros.to(torch::kFloat64), options);
  EXPECT_LT((ours - exact).abs().max().item<double>(), 1e-3);
}

TEST(GroupNorm, GivesTheSameBitsForAnyNumberOfThreads) {
  std::vector<std::vector<torch::Tensor>> runs;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    runs.push_back(results(group_norm, random_inputs(torch::kBFloat16, Modulated::kShift, 12, 9),
                           {4, 1e-5, Activation::kSilu}));
  }
  for (size_t i = 0; i < runs[0].size(); ++i)
    EXPECT_TRUE(torch::equal(runs[0][i], runs[1][i])) << i;
}

TEST(GroupNorm, PassesOnNanAndSaturatesSilu) {
  auto x = torch::zeros({1, 2, 2, 2}).contiguous(torch::MemoryFormat::ChannelsLast);
  const auto ones = torch::ones({2});
  const GroupNormOptions options{2, 1e-5, Activation::kSilu};
  const auto large = group_norm(x, {}, ones, torch::tensor({200.0F, -200.0F}), options);
  EXPECT_FLOAT_EQ(large[0][0][0][0].item<float>(), 200.0F);
  EXPECT_NEAR(large[0][1][0][0].item<float>(), 0.0F, 1e-20);
  x[0][0][0][0] = std::numeric_limits<float>::quiet_NaN();
  const auto broken = group_norm(x.to(torch::kBFloat16), {}, ones, ones, options);
  EXPECT_TRUE(broken[0][0].isnan().all().item<bool>());
  EXPECT_FALSE(broken[0][1].isnan().any().item<bool>());
}

TEST(GroupNorm, OtherLayoutsTakeTheTwin) {
  const auto x = torch::randn({2, 8, 4, 4});
  const auto ones = torch::ones({8});
  const GroupNormOptions options{4, 1e-5, Activation::kSilu};
  EXPECT_TRUE(torch::equal(group_norm(x, {}, ones, ones, options),
                           group_norm_reference(x, {}, ones, ones, options)));
}

}  // namespace
}  // namespace ddpm
