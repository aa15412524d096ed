#include "ddpm/checkpoint/model_folder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/model/classifier.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(ModelFolder, OldAttentionNamesAreRead) {
  const auto weights = load_weights(open_model_folder(test_data("unet/old_root")));
  EXPECT_TRUE(weights.contains("mid_block.attentions.0.to_out.0.weight"));
  EXPECT_FALSE(weights.contains("mid_block.attentions.0.proj_attn.weight"));
}

TEST(ModelFolder, RoundTripKeepsModelAndWeights) {
  const TempDir dir;
  const auto folder = open_model_folder(test_data("unet/class_scale_shift"));
  const auto weights = load_weights(folder);
  Config config;
  config.model = folder.network.model;
  config.signature = folder.network.signature;
  config.diffusion = folder.diffusion;
  config.sample = folder.sample;
  save_model_folder(dir.path(), config, weights);
  const auto back = open_model_folder(dir.path());
  EXPECT_EQ(unet_config_to_json(back.network), unet_config_to_json(folder.network));
  const auto weights_back = load_weights(back);
  ASSERT_EQ(weights_back.size(), weights.size());
  for (const auto& [name, tensor] : weights)
    EXPECT_TRUE(torch::equal(weights_back.at(name), tensor)) << name;
}

/// What opening a folder for this task says is wrong.
std::string opening_error(const std::filesystem::path& path,
                          NetworkUse use = NetworkUse::kDenoise) {
  try {
    open_model_folder(path, use);
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(ModelFolder, MissingPartsAreNamed) {
  const TempDir dir;
  const auto error = [&] { return opening_error(dir.path()); };
  EXPECT_NE(error().find("config.json"), std::string::npos);
  dir.write("config.json", format_json(unet_config_to_json(tiny_model())));
  EXPECT_NE(error().find("diffusion_pytorch_model.safetensors"), std::string::npos);
  dir.write("diffusion_pytorch_model.bin", "pickle");
  EXPECT_NE(error().find("pickle"), std::string::npos);
  dir.write("diffusion_pytorch_model.safetensors", "cut off");
  EXPECT_NE(error().find("diffusion_pytorch_model.safetensors: "), std::string::npos);
}

TEST(ModelFolder, ANetworkThatNoRowKnowsIsNamed) {
  const TempDir dir;
  const auto error = [&] { return opening_error(dir.path()); };
  dir.write("model_index.json", R"({"_class_name": "DDPMPipeline",
                                    "scheduler": ["diffusers", "DDIMScheduler"],
                                    "transformer": ["diffusers", "DiTTransformer2DModel"]})");
  dir.write("transformer/config.json", R"({"_class_name": "DiTTransformer2DModel"})");
  EXPECT_EQ(error(), dir.path().string() +
                         ": holds a network of the class DiTTransformer2DModel, which this ddpm "
                         "does not know, expected unet/config.json or config.json in it");
  dir.write("model_index.json", R"({"unet": ["diffusers", "UNet2DModel"]})");
  EXPECT_NE(error().find("not a checkpoint, expected unet/config.json"), std::string::npos);
}

TEST(ModelFolder, AConfigBeyondItsWeightsIsRefusedBeforeMemoryIsTaken) {
  auto folder = open_model_folder(test_data("unet/grey_attention"));
  folder.network.model.time_embedding_dim = 1 << 20;
  expect_error<CheckpointError>([&] { load_network(folder, torch::kCPU); }, "too few");
}

/// A classifier written into a folder of its own.
class ClassifierFolder : public testing::Test {
 protected:
  ClassifierFolder() : net_(network_config(config())) {
    net_->init_weights(3);
    net_->eval();
    NamedTensors weights;
    for (const auto& item : net_->named_parameters())
      weights.emplace(item.key(), item.value().detach().clone());
    save_model_folder(dir_.path(), config(), weights);
  }
  static Config config() {
    const auto network = tiny_classifier(Pooling::kAttention);
    Config config;
    config.train.task = Task::kClassifier;
    config.model = network.model;
    config.classifier = network.classifier;
    config.signature = network.signature;
    config.signature.class_names = {"Coat", "Bag", "Boot"};
    config.diffusion.beta_schedule = BetaSchedule::kCosine;
    return config;
  }

  TempDir dir_;
  Classifier net_;
};

TEST_F(ClassifierFolder, ComesBackAsItWasWritten) {
  const auto folder = open_model_folder(dir_.path(), NetworkUse::kClassify);
  EXPECT_EQ(folder.network.signature.classes, 3);
  EXPECT_EQ(folder.network.signature.class_names, config().signature.class_names);
  EXPECT_EQ(folder.network.classifier.feature_dim, 12);
  EXPECT_EQ(folder.network.classifier.pooling, Pooling::kAttention);
  EXPECT_EQ(folder.diffusion.beta_schedule, BetaSchedule::kCosine);
  const auto again = load_network(folder, torch::kCPU);
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn({2, 1, 8, 8});
  const auto t = torch::tensor({int64_t{3}, int64_t{70}});
  EXPECT_TRUE(torch::equal(again->forward(x, t, {}), net_->forward(x, t)));
}

TEST_F(ClassifierFolder, SaysWhatIsWrong) {
  const auto error = [&] { return opening_error(dir_.path(), NetworkUse::kClassify); };
  const auto file = dir_.path() / "classifier/config.json";
  auto object = load_json(file);
  object["num_classes"] = 1;
  write_file_atomic(file, format_json(object));
  EXPECT_NE(error().find("num_classes"), std::string::npos) << error();
  object["num_classes"] = 3;
  object["surprise"] = 5;
  write_file_atomic(file, format_json(object));
  EXPECT_NE(error().find("surprise"), std::string::npos) << error();
}

TEST_F(ClassifierFolder, WithoutASchedulerIsRefused) {
  std::filesystem::remove_all(dir_.path() / "scheduler");
  const auto error = opening_error(dir_.path(), NetworkUse::kClassify);
  EXPECT_NE(error.find("scheduler_config.json"), std::string::npos) << error;
}

TEST_F(ClassifierFolder, IsNotTakenForADenoisingModelNorTheOtherWayRound) {
  const auto draws = opening_error(dir_.path());
  EXPECT_NE(draws.find("holds a classifier"), std::string::npos) << draws;
  const auto guides = opening_error(test_data("unet/grey_attention"), NetworkUse::kClassify);
  EXPECT_NE(guides.find("holds a denoising model"), std::string::npos) << guides;
  const auto nothing = opening_error(dir_.path() / "scheduler", NetworkUse::kClassify);
  EXPECT_NE(nothing.find("expected classifier/config.json"), std::string::npos) << nothing;
}

}  // namespace
}  // namespace ddpm
