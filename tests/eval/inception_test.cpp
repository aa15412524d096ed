#include "ddpm/eval/inception.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"
#include "tests/support/inception_weights.h"

namespace ddpm {
namespace {

const NamedTensors& weights() {
  static const NamedTensors tensors = formula_weights();
  return tensors;
}

const NamedTensors& golden() {
  static const NamedTensors tensors = load_safetensors(test_data("eval/golden.safetensors"));
  return tensors;
}

Inception network(InceptionResize resize) {
  return {weights(), "formula", resize, torch::kCPU};
}

TEST(Inception, AgreesWithTorchFidelity) {
  auto net = network(InceptionResize::kTf1);
  const auto [features, logits] = net.run(golden().at("inception.images"));
  EXPECT_LT(relative_difference(features, golden().at("inception.tf1")), 1e-4);
  EXPECT_LT(relative_difference(logits, golden().at("inception.tf1_logits")), 1e-4);
  EXPECT_EQ(features.size(1), net.dimensions());
  EXPECT_EQ(logits.size(1), net.classes());
  EXPECT_EQ(net.preprocessing(), "tf1");
}

TEST(Inception, RepeatsGreyImagesAsTorchFidelityIsGivenThem) {
  auto net = network(InceptionResize::kTf1);
  const auto features = net.run(golden().at("inception.grey")).features;
  EXPECT_LT(relative_difference(features, golden().at("inception.tf1_grey")), 1e-4);
}

TEST(Inception, AgreesWithPytorchFidAndNotWithTheOtherResize) {
  auto net = network(InceptionResize::kPytorchFid);
  const auto& reference = golden().at("inception.pytorch_fid");
  const auto features = net.run(golden().at("inception.images")).features;
  EXPECT_LT(relative_difference(features, reference), 1e-4);
  EXPECT_GT(relative_difference(golden().at("inception.tf1"), reference), 1e-3);
  EXPECT_EQ(net.preprocessing(), "pytorch-fid");
}

TEST(InceptionInput, LeavesImagesOfTheNetworksSizeAsTheyAre) {
  torch::manual_seed(0);
  const auto images = torch::randint(256, {1, 3, 299, 299}, torch::kUInt8);
  const auto tf1 = inception_input(images, InceptionResize::kTf1);
  EXPECT_TRUE(torch::equal(tf1, (images.to(torch::kFloat32) - 128) / 128));
  const auto other = inception_input(images, InceptionResize::kPytorchFid);
  EXPECT_TRUE(torch::allclose(other, images.to(torch::kFloat32) / 127.5 - 1, 0, 1e-6));
}

TEST(InceptionInput, Tf1PutsTheFirstPixelOnTheFirst) {
  auto images = torch::zeros({1, 3, 1, 2}, torch::kUInt8);
  images.select(3, 1).fill_(128);
  const auto row = inception_input(images, InceptionResize::kTf1)[0][0][7] + 1;
  EXPECT_EQ(row[0].item<float>(), 0.0F);
  EXPECT_NEAR(row[100].item<float>(), 200.0 / 299.0, 1e-6);
  EXPECT_EQ(row[298].item<float>(), 1.0F);
}

TEST(Inception, RefusesOtherWeightsByName) {
  const auto refused = [](const NamedTensors& tensors, const std::string& text) {
    expect_error<CheckpointError>(
        [&] { Inception(tensors, "file.safetensors", InceptionResize::kTf1, torch::kCPU); }, text);
  };
  auto changed = weights();
  changed["fc.weight"] = torch::zeros({1000, 2048});
  refused(changed,
          "file.safetensors: not the weights of FID's Inception: fc.weight: expected "
          "[1008, 2048], got [1000, 2048]");
  changed = weights();
  changed.erase("Mixed_7b.branch1x1.bn.running_var");
  refused(changed, "Mixed_7b.branch1x1.bn.running_var: expected [320], got nothing");
  changed = weights();
  changed["AuxLogits.conv0.conv.weight"] = torch::zeros({1});
  refused(changed, "unknown tensor AuxLogits.conv0.conv.weight");
}

TEST(Inception, ReadsTheWordsForItsResize) {
  EXPECT_EQ(parse_inception_resize("tf1"), InceptionResize::kTf1);
  EXPECT_EQ(parse_inception_resize("pytorch-fid"), InceptionResize::kPytorchFid);
  expect_error<UserError>([] { parse_inception_resize("clean"); }, "got 'clean'");
}

}  // namespace
}  // namespace ddpm
