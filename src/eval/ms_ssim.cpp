#include "ddpm/eval/ms_ssim.h"

#include <array>
#include <cmath>
#include <vector>

#include <torch/types.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int64_t kWindow = 11;
constexpr double kDeviation = 1.5;
constexpr double kMeanTerm = 0.01 * 255 * 0.01 * 255;
constexpr double kContrastTerm = 0.03 * 255 * 0.03 * 255;
constexpr std::array kScaleWeights = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

torch::Tensor gaussian() {
  const auto place = torch::arange(kWindow, torch::kFloat64) - static_cast<double>(kWindow / 2);
  const auto values = (-place.square() / (2 * kDeviation * kDeviation)).exp();
  return values / values.sum();
}

/// Averages x [N, 1, H, W] over the window, where it fits.
torch::Tensor blur(const torch::Tensor& x) {
  const auto window = gaussian().to(x.device());
  const auto down = torch::conv2d(x, window.view({1, 1, kWindow, 1}));
  return torch::conv2d(down, window.view({1, 1, 1, kWindow}));
}

/// Contrast and structure, with the luminance too if `with_means`: means over the pixels, [N].
torch::Tensor similarity(const torch::Tensor& a, const torch::Tensor& b, bool with_means) {
  const auto mean_a = blur(a);
  const auto mean_b = blur(b);
  const auto variances = blur(a * a + b * b) - mean_a.square() - mean_b.square();
  const auto covariance = blur(a * b) - mean_a * mean_b;
  auto map = (2 * covariance + kContrastTerm) / (variances + kContrastTerm);
  if (with_means) {
    map = map * (2 * mean_a * mean_b + kMeanTerm) / (mean_a.square() + mean_b.square() + kMeanTerm);
  }
  return map.mean({1, 2, 3});
}

double weight_sum(int64_t scales) {
  double sum = 0.0;
  for (int64_t i = 0; i < scales; ++i)
    sum += kScaleWeights[static_cast<size_t>(i)];
  return sum;
}

}  // namespace

int64_t ms_ssim_scales(int64_t height, int64_t width) {
  int64_t side = std::min(height, width);
  int64_t scales = 0;
  for (; side >= kWindow && scales < static_cast<int64_t>(kScaleWeights.size()); side /= 2)
    ++scales;
  return scales;
}

torch::Tensor ms_ssim(const torch::Tensor& a, const torch::Tensor& b, int64_t scales) {
  if (a.sizes() != b.sizes()) {
    throw DataError("MS-SSIM: expected images of one size, got ", a.sizes(), " and ", b.sizes());
  }
  const int64_t possible = ms_ssim_scales(a.size(2), a.size(3));
  if (scales < 1 || scales > possible) {
    throw DataError("MS-SSIM: expected 1 to ", possible, " scales for images of ", a.size(2), "x",
                    a.size(3), " pixels, got ", scales);
  }
  auto x = a.to(torch::kFloat64).flatten(0, 1).unsqueeze(1);
  auto y = b.to(torch::kFloat64).flatten(0, 1).unsqueeze(1);
  auto product = torch::ones({x.size(0)}, x.options());
  for (int64_t scale = 0; scale < scales; ++scale) {
    const double weight = kScaleWeights[static_cast<size_t>(scale)] / weight_sum(scales);
    const auto terms = similarity(x, y, scale + 1 == scales);
    product = product * terms.clamp_min(0.0).pow(weight);
    if (scale + 1 == scales) break;
    x = torch::avg_pool2d(x, 2);
    y = torch::avg_pool2d(y, 2);
  }
  return product.view({a.size(0), a.size(1)}).mean(1).cpu();
}

}  // namespace ddpm
