#include "ddpm/samplers/guidance.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace ddpm {
namespace {

/// Answers with each image's label, and counts calls and images.
struct LabelNetwork {
  int64_t calls = 0;
  int64_t images = 0;
  ConditionalDenoiser denoiser() {
    return [this](const torch::Tensor& x, int64_t, const torch::Tensor& labels) {
      ++calls;
      images += x.size(0);
      return labels.to(torch::kFloat32).view({-1, 1, 1, 1}).expand_as(x);
    };
  }
};

TEST(Guidance, MovesFromTheNullClassPastTheWantedOne) {
  LabelNetwork network;
  const auto guided = with_guidance(network.denoiser(), torch::tensor({2, 5}), 10, 3.0);
  const auto y = guided(torch::zeros({2, 1, 1, 1}), 0);
  EXPECT_FLOAT_EQ(y[0].item<float>(), 10 + 3 * (2 - 10));
  EXPECT_FLOAT_EQ(y[1].item<float>(), 10 + 3 * (5 - 10));
}

TEST(Guidance, IsOneCallOfTwiceTheImages) {
  LabelNetwork network;
  with_guidance(network.denoiser(), torch::tensor({2, 5}), 10, 3.0)(torch::zeros({2, 1, 1, 1}), 0);
  EXPECT_EQ(network.calls, 1);
  EXPECT_EQ(network.images, 4);
}

TEST(Guidance, OfOneIsTheConditionalNetworkAtHalfTheCost) {
  LabelNetwork network;
  const auto plain = with_guidance(network.denoiser(), torch::tensor({2, 5}), 10, 1.0);
  EXPECT_EQ(plain(torch::zeros({2, 1, 1, 1}), 0)[1].item<float>(), 5.0F);
  EXPECT_EQ(network.images, 2);
}

}  // namespace
}  // namespace ddpm
