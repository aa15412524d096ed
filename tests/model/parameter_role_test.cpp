#include "ddpm/model/parameter_role.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/model/classifier.h"
#include "ddpm/model/precision.h"
#include "ddpm/model/unet.h"
#include "ddpm/train/training_model.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

/// A network with every kind of block, and what is known of its parameters, in their order: name,
/// sum of the absolute initial values of seed 7, whether bfloat16 holds it, whether Muon steps it.
void expect_golden(NetworkImpl& net, const std::string& name) {
  const auto golden = load_json(test_data("parameter_roles.json")).at(name);
  net.init_weights(7);
  const auto roles = parameter_roles(net);
  ASSERT_EQ(golden.size(), roles.size());
  size_t i = 0;
  for (const auto& item : net.named_parameters()) {
    const auto& row = golden[i];
    const double sum = row[1];
    EXPECT_EQ(item.key(), row[0].get<std::string>());
    EXPECT_NEAR(item.value().to(torch::kFloat64).abs().sum().item<double>(), sum, 1e-6 * sum)
        << item.key();
    EXPECT_EQ(is_bf16(roles[i]), row[2].get<bool>()) << item.key();
    EXPECT_EQ(is_for_muon(roles[i]), row[3].get<bool>()) << item.key();
    ++i;
  }
}

NetworkConfig with_every_block(NetworkConfig network) {
  network.model.block_out_channels = {8, 16, 16};
  network.model.down_block_types = {"AttnDownBlock2D", "ResnetDownsampleBlock2D", "DownBlock2D"};
  network.model.up_block_types = {"UpBlock2D", "ResnetUpsampleBlock2D", "AttnUpBlock2D"};
  return network;
}

TEST(ParameterRoles, OfTheUNetAreThoseItWasAlwaysTrainedWith) {
  expect_golden(*UNet(with_every_block(tiny_model())), "unet");
}

TEST(ParameterRoles, OfTheClassifierAreThoseItWasAlwaysTrainedWith) {
  expect_golden(*Classifier(with_every_block(tiny_classifier(Pooling::kAttention))), "classifier");
}

class Forgetful : public RoledModule {
 public:
  Forgetful() {
    register_layer("told", torch::nn::Linear(2, 2), ParameterRole::kMatrix);
    register_module("untold", torch::nn::Linear(2, 2));
  }
};

TEST(ParameterRoles, OfALayerThatNobodyToldAreNotGuessed) {
  const auto module = std::make_shared<Forgetful>();
  EXPECT_EQ(module->noted_roles().at("told.bias"), ParameterRole::kBias);
  EXPECT_THROW(parameter_roles(*module), c10::Error);
}

}  // namespace
}  // namespace ddpm
