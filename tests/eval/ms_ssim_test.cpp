#include "ddpm/eval/ms_ssim.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

TEST(MsSsim, AgreesWithPytorchMsssim) {
  const auto golden = load_safetensors(test_data("eval/golden.safetensors"));
  const auto rows = load_json(test_data("eval/golden.json")).at("ms_ssim");
  for (const auto& [side, row] : rows.items()) {
    const auto& first = golden.at("ms_ssim." + side + ".first");
    const auto& second = golden.at("ms_ssim." + side + ".second");
    const auto scales = row.at("scales").get<int64_t>();
    EXPECT_EQ(ms_ssim_scales(first.size(2), first.size(3)), scales);
    const auto expected =
        torch::tensor(row.at("values").get<std::vector<double>>(), torch::kFloat64);
    EXPECT_TRUE(torch::allclose(ms_ssim(first, second, scales), expected, 0, 1e-6)) << side;
  }
}

TEST(MsSsim, IsOneForEqualImagesAndSymmetric) {
  torch::manual_seed(0);
  const auto a = torch::randint(256, {2, 3, 32, 32}, torch::kUInt8);
  const auto b = torch::randint(256, {2, 3, 32, 32}, torch::kUInt8);
  EXPECT_TRUE(torch::allclose(ms_ssim(a, a, 2), torch::ones({2}, torch::kFloat64), 0, 1e-12));
  EXPECT_TRUE(torch::allclose(ms_ssim(a, b, 2), ms_ssim(b, a, 2), 0, 1e-12));
  EXPECT_LT(ms_ssim(a, b, 2).max().item<double>(), 0.5);
}

TEST(MsSsim, NamesTheScalesThatASizeAllows) {
  EXPECT_EQ(ms_ssim_scales(10, 40), 0);
  EXPECT_EQ(ms_ssim_scales(28, 28), 2);
  EXPECT_EQ(ms_ssim_scales(43, 43), 2);
  EXPECT_EQ(ms_ssim_scales(64, 64), 3);
  EXPECT_EQ(ms_ssim_scales(256, 176), 5);
  EXPECT_EQ(ms_ssim_scales(4096, 4096), 5);
  const auto a = torch::zeros({1, 1, 32, 32}, torch::kUInt8);
  expect_error<DataError>([&] { ms_ssim(a, a, 3); }, "1 to 2 scales");
}

}  // namespace
}  // namespace ddpm
