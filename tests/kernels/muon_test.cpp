#include "ddpm/kernels/muon.h"

#include <limits>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

/// Room for one matrix of the golden file, in the flat tensors, behind a gap.
constexpr int64_t kOffset = 16;

AdamTensors tensors_of(const torch::Tensor& matrix) {
  const auto flat = torch::zeros({kOffset + matrix.numel()});
  flat.narrow(0, kOffset, matrix.numel()).copy_(matrix.flatten());
  return {.weights = flat,
          .exp_avg = torch::zeros_like(flat),
          .exp_avg_sq = torch::zeros_like(flat),
          .ema = flat.clone(),
          .bf16_weights = flat.to(torch::kBFloat16)};
}

MuonOptions options_of(const torch::Tensor& gradient) {
  return {
      .lr = 0.02, .momentum = 0.9, .weight_decay = 0.1, .ema_decay = 0.75, .norm = gradient.norm()};
}

TEST(Muon, SingularValuesComeNearOne) {
  torch::manual_seed(3);
  for (const auto& [rows, columns] : {std::pair{8, 30}, {30, 8}, {16, 16}}) {
    const auto x = torch::randn({3, rows, columns});
    const auto values = std::get<1>(torch::svd(orthogonalize(x).to(torch::kFloat64)));
    const auto largest = values.max().item<double>();
    EXPECT_LT(largest, 1.25);
    // A square one has some near 0, which five steps do not raise.
    if (rows != columns) {
      EXPECT_GT(values.min().item<double>(), 0.6);
    }
    EXPECT_LT(relative_difference(orthogonalize(1e4 * x), orthogonalize(x)), 1e-3);
  }
  EXPECT_TRUE(torch::equal(orthogonalize(torch::zeros({1, 4, 6})), torch::zeros({1, 4, 6})));
}

TEST(Muon, AgreesWithTorch) {
  const auto golden = load_safetensors(test_data("muon.safetensors"));
  for (const std::string name : {"wide", "tall"}) {
    const auto before = golden.at(name + ".before");
    const auto after = golden.at(name + ".after");
    const auto tensors = tensors_of(before);
    const auto ours = [&](const torch::Tensor& flat) {
      return flat.narrow(0, kOffset, after.numel()).view(after.sizes());
    };
    auto ema = before.clone();
    for (int step = 0; step < 3; ++step) {
      const auto gradient = golden.at(name + ".gradient." + std::to_string(step));
      muon_step(tensors, {{gradient, kOffset}}, options_of(gradient));
      ema.lerp_(ours(tensors.weights), 0.25);
    }
    // The change is compared, of which torch computes the direction in bfloat16.
    EXPECT_LT(relative_difference(ours(tensors.weights) - before, after - before), 0.03) << name;
    EXPECT_LT(relative_difference(ours(tensors.ema), ema), 1e-6) << name;
    EXPECT_TRUE(torch::equal(tensors.bf16_weights, tensors.weights.to(torch::kBFloat16)));
    EXPECT_TRUE(torch::equal(tensors.exp_avg_sq, torch::zeros_like(tensors.exp_avg_sq)));
    EXPECT_EQ(tensors.weights.narrow(0, 0, kOffset).abs().sum().item<float>(), 0.0F);
  }
}

TEST(Muon, AConvolutionIsAMatrixOfItsOutputs) {
  torch::manual_seed(5);
  const auto format = torch::MemoryFormat::ChannelsLast;
  const auto convolution = torch::randn({4, 3, 3, 3}).contiguous(format);
  const auto matrix = convolution.permute({0, 2, 3, 1}).reshape({4, 27});
  const auto as_convolution = tensors_of(torch::zeros({4, 27}));
  const auto as_matrix = tensors_of(torch::zeros({4, 27}));
  muon_step(as_convolution, {{convolution, kOffset}}, options_of(matrix));
  muon_step(as_matrix, {{matrix, kOffset}}, options_of(matrix));
  EXPECT_TRUE(torch::equal(as_convolution.weights, as_matrix.weights));
  EXPECT_GT(as_matrix.weights.abs().max().item<float>(), 0.0F);
}

TEST(Muon, GradientsAreScaledDownToTheNorm) {
  torch::manual_seed(6);
  const auto gradient = torch::randn({5, 9});
  const auto tensors = tensors_of(torch::zeros({5, 9}));
  auto options = options_of(gradient);
  options.max_grad_norm = 0.5;
  muon_step(tensors, {{gradient, kOffset}}, options);
  EXPECT_NEAR(tensors.exp_avg.norm().item<double>(), 0.05, 1e-5);
}

TEST(Muon, ChangesNothingIfSomethingIsNotFinite) {
  torch::manual_seed(4);
  const auto matrix = torch::randn({5, 9});
  for (const bool bad_loss : {false, true}) {
    const auto tensors = tensors_of(matrix);
    tensors.exp_avg.uniform_();
    auto gradient = torch::randn({5, 9});
    if (!bad_loss) gradient[2][3] = std::numeric_limits<float>::quiet_NaN();
    auto options = options_of(gradient);
    options.max_grad_norm = 1.0;
    options.loss = torch::full({}, bad_loss ? std::numeric_limits<float>::infinity() : 1.0F);
    const auto before = {tensors.weights.clone(), tensors.exp_avg.clone(), tensors.ema.clone()};
    muon_step(tensors, {{gradient, kOffset}}, options);
    const auto after = {tensors.weights, tensors.exp_avg, tensors.ema};
    EXPECT_TRUE(std::equal(before.begin(), before.end(), after.begin(),
                           [](const auto& a, const auto& b) { return torch::equal(a, b); }));
  }
}

}  // namespace
}  // namespace ddpm
