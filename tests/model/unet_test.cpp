#include "ddpm/model/unet.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/support/golden.h"

namespace ddpm {
namespace {

class UNetGolden : public testing::TestWithParam<std::string> {};

TEST_P(UNetGolden, AgreesWithDiffusers) {
  const torch::NoGradGuard no_grad;
  const auto path = test_data("unet/" + GetParam());
  const auto unet =
      load_network(open_model_folder(path), torch::kCPU, torch::MemoryFormat::Contiguous);
  const auto golden = load_safetensors(path / "golden.safetensors");
  const auto y = unet->forward(golden.at("x"), golden.at("timesteps"), {find(golden, "labels")});
  EXPECT_LT(relative_difference(y, golden.at("y")), 1e-5);
}

TEST_P(UNetGolden, AgreesInChannelsLast) {
  const torch::NoGradGuard no_grad;
  const auto path = test_data("unet/" + GetParam());
  const auto unet =
      load_network(open_model_folder(path), torch::kCPU, torch::MemoryFormat::Contiguous);
  const auto golden = load_safetensors(path / "golden.safetensors");
  const auto x = golden.at("x").contiguous(torch::MemoryFormat::ChannelsLast);
  const auto y = unet->forward(x, golden.at("timesteps"), {find(golden, "labels")});
  EXPECT_LT(relative_difference(y, golden.at("y")), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Diffusers, UNetGolden, testing::ValuesIn(golden_unets()),
                         [](const auto& info) { return info.param; });

NetworkConfig ddpm_cifar10() {
  NetworkConfig network;
  network.model.block_out_channels = {128, 256, 256, 256};
  network.model.dropout = 0.1;
  return network;
}

TEST(UNet, DdpmCifar10HasThePapersParametersAndCost) {
  const UNet unet(ddpm_cifar10());
  EXPECT_EQ(unet->parameter_count(), 35'746'307);
  EXPECT_NEAR(static_cast<double>(unet->cost(32, 32).macs), 6.222e9, 0.0005e9);
}

TEST(UNet, DdpmCifar10HasDiffusersParameterNamesAndShapes) {
  const auto keys = load_json(test_data("ddpm_cifar_keys.json"));
  std::set<std::string> expected;
  for (const auto& key : keys)
    expected.insert(key.get<std::string>());
  std::set<std::string> ours;
  for (const auto& item : UNet(ddpm_cifar10())->named_parameters()) {
    std::ostringstream text;
    text << item.key() << " " << nlohmann::json(item.value().sizes().vec()).dump(-1);
    std::string line = text.str();
    for (size_t comma = line.find(','); comma != line.npos; comma = line.find(',', comma + 2))
      line.insert(comma + 1, " ");
    ours.insert(line);
  }
  EXPECT_EQ(ours, expected);
}

TEST(UNet, InitialWeightsDependOnTheSeedAlone) {
  UNet a(tiny_model());
  UNet b(tiny_model());
  a->init_weights(7);
  b->init_weights(7);
  EXPECT_TRUE(torch::equal(a->parameters()[0], b->parameters()[0]));
  b->init_weights(8);
  EXPECT_FALSE(torch::equal(a->parameters()[0], b->parameters()[0]));
}

TEST(UNet, StartsWithAnOutputNearZero) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  UNet unet(tiny_model());
  unet->init_weights(0);
  const auto y =
      unet->forward(torch::randn({2, 1, 8, 8}), torch::tensor({5, 90}), {torch::tensor({0, 3})});
  EXPECT_LT(y.abs().max().item<double>(), 1e-3);
}

TEST(UNet, LabelsMustFitTheModel) {
  UNet unet(tiny_model());
  EXPECT_THROW(unet->forward(torch::zeros({1, 1, 8, 8}), torch::zeros({1})), c10::Error);
}

/// A tiny U-Net that is told of augmentation, or is not, with the initial weights of seed 1 and an
/// output layer that does not hide the rest.
UNet net_told(int64_t augment_labels) {
  auto config = tiny_model();
  config.signature.augment_labels = augment_labels;
  UNet unet(config);
  unet->init_weights(1);
  const torch::NoGradGuard no_grad;
  for (const auto& item : unet->named_parameters())
    if (item.key() == "conv_out.weight") item.value().fill_(0.1);
  return unet;
}

TEST(UNet, WithoutAugmentationIsTheNetworkThatIsToldNothingOfIt) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  auto plain = net_told(0);
  auto told = net_told(9);
  const auto x = torch::randn({2, 1, 8, 8});
  const auto t = torch::tensor({5, 90});
  const auto labels = torch::tensor({0, 3});
  const auto y = plain->forward(x, t, {.labels = labels});
  EXPECT_TRUE(torch::equal(told->forward(x, t, {.labels = labels}), y));
  const auto zeros = torch::zeros({2, 9});
  EXPECT_TRUE(torch::equal(told->forward(x, t, {.labels = labels, .augment = zeros}), y));
  EXPECT_FALSE(torch::equal(told->forward(x, t, {.labels = labels, .augment = zeros + 1}), y));
  EXPECT_THROW(plain->forward(x, t, {.labels = labels, .augment = zeros}), c10::Error);
}

TEST(UNet, TheLayerForAugmentationServesTrainingAlone) {
  const auto told = net_told(9);
  std::vector<std::string> names;
  for (const auto& item : told->named_parameters())
    if (serves_training_alone(item.key())) names.push_back(item.key());
  EXPECT_EQ(names, std::vector<std::string>{"augment_embedding.weight"});
  EXPECT_EQ(told->named_parameters().back().key(), names.front());
  EXPECT_EQ(parameter_roles(*told).back(), ParameterRole::kFirst);
}

TEST(UNet, SeesTheConditionImageBehindItsOwn) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(0);
  auto config = tiny_model();
  config.signature = {.data_channels = 1, .in_channels = 3, .out_channels = 1};
  UNet unet(config);
  const auto x = torch::randn({2, 3, 8, 8});
  const auto t = torch::tensor({5, 90});
  const auto y = unet->forward(x.narrow(1, 0, 1), t, {.image = x.narrow(1, 1, 2)});
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{2, 1, 8, 8}));
  EXPECT_TRUE(torch::equal(y, unet->forward(x, t)));
  EXPECT_THROW(unet->forward(x, t, {.level = t}), c10::Error);
}

}  // namespace
}  // namespace ddpm
