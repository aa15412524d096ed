#include "ddpm/kernels/attention.h"

#include <tuple>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "ddpm/kernels/attention_bf16_loops.h"

namespace ddpm {
namespace {

torch::Tensor random_qkv(torch::Dtype type, int64_t tokens, int64_t head_dim) {
  torch::manual_seed(3);
  return (1.5 * torch::randn({2, tokens, 3, 3, head_dim})).to(type).requires_grad_();
}

using AttentionFunction = torch::Tensor (*)(const torch::Tensor&);
constexpr AttentionFunction kFused = attention;
constexpr AttentionFunction kReference = attention_reference;

/// Output and gradient, float32.
std::vector<torch::Tensor> results(AttentionFunction function, const torch::Tensor& qkv) {
  const auto out = function(qkv);
  torch::manual_seed(4);
  out.backward(torch::randn(out.sizes()).to(out.scalar_type()));
  return {out.detach().to(torch::kFloat32), qkv.grad().to(torch::kFloat32)};
}

class FusedAttention : public testing::TestWithParam<std::tuple<torch::Dtype, int64_t, int64_t>> {};

TEST_P(FusedAttention, AgreesWithItsTwinForwardAndBackward) {
  const auto [type, tokens, head_dim] = GetParam();
  const auto input = random_qkv(type, tokens, head_dim);
  const auto ours = results(kFused, input);
  const auto exact = results(kReference, input.detach().to(torch::kFloat64).requires_grad_());
  const double tolerance = type == torch::kFloat32 ? 4e-6 : 1.5e-2;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double scale = exact[i].abs().max().item<double>();
    EXPECT_LT((ours[i] - exact[i]).abs().max().item<double>(), tolerance * scale) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, FusedAttention,
                         testing::Combine(testing::Values(torch::kFloat32, torch::kBFloat16),
                                          testing::Values(int64_t{1}, int64_t{16}, int64_t{49},
                                                          int64_t{256}),
                                          testing::Values(int64_t{8}, int64_t{16}, int64_t{32})));

TEST(Attention, GivesTheSameBitsForAnyNumberOfThreads) {
  std::vector<std::vector<torch::Tensor>> runs;
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    runs.push_back(results(kFused, random_qkv(torch::kBFloat16, 20, 8)));
  }
  for (size_t i = 0; i < runs[0].size(); ++i)
    EXPECT_TRUE(torch::equal(runs[0][i], runs[1][i])) << i;
}

TEST(Attention, LargeScoresStayFinite) {
  const auto qkv = (100 * random_qkv(torch::kFloat32, 20, 8)).detach();
  EXPECT_TRUE(torch::allclose(attention(qkv), attention_reference(qkv), 1e-4, 1e-3));
}

TEST(Attention, LargeScoresStayFiniteInBFloat16) {
  const auto qkv = (30 * random_qkv(torch::kBFloat16, 20, 8)).detach();
  const auto exact = attention_reference(qkv.to(torch::kFloat64));
  EXPECT_LT((attention(qkv) - exact).abs().max().item<double>(),
            1e-2 * exact.abs().max().item<double>());
}

// Machines without bfloat16 products take other loops, which are tested here where there are.
TEST(Attention, BothLoopsOfBFloat16Agree) {
  if (!has_bf16_products()) GTEST_SKIP() << "this machine has no bfloat16 products";
  const auto qkv = random_qkv(torch::kBFloat16, 49, 16).detach().contiguous();
  const auto dout = torch::randn({2, 49, 48}).to(torch::kBFloat16);
  const AttentionHead head{.tokens = 49, .head_dim = 16, .head_stride = 48, .scale = 0.25F};
  const auto bits = [](const torch::Tensor& t) { return static_cast<BFloat16Bits*>(t.data_ptr()); };
  std::vector<torch::Tensor> gradients;
  for (const bool products : {true, false}) {
    const auto out = torch::zeros({49, 48}, torch::kBFloat16);
    const auto log_sums = torch::zeros({49});
    gradients.push_back(torch::zeros({49, 3, 48}, torch::kBFloat16));
    (products
         ? attention_forward_bf16
         : attention_forward<BFloat16Bits>)(head, bits(qkv), bits(out), log_sums.data_ptr<float>());
    const AttentionTensors<BFloat16Bits> tensors{bits(qkv), bits(out), bits(dout),
                                                 log_sums.data_ptr<float>()};
    (products ? attention_backward_bf16 : attention_backward<BFloat16Bits>)(head, tensors,
                                                                            bits(gradients.back()));
  }
  const auto difference = (gradients[0] - gradients[1]).abs().max().item<double>();
  EXPECT_LT(difference, 1.5e-2 * gradients[1].abs().max().item<double>());
  EXPECT_GT(gradients[1].abs().max().item<double>(), 0.0);
}

TEST(Attention, WithoutGradientsGivesTheSameBits) {
  const auto qkv = random_qkv(torch::kFloat32, 20, 8);
  const auto with = attention(qkv);
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::equal(with, attention(qkv)));
}

}  // namespace
}  // namespace ddpm
