#include "ddpm/checkpoint/model_folder.h"

#include <array>
#include <cmath>
#include <functional>
#include <limits>

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

namespace fs = std::filesystem;

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

/// A copy of a pipeline folder of diffusers, to be changed.
class ForeignFolder : public testing::Test {
 protected:
  ForeignFolder() : weights_(load_weights(open_model_folder(test_data("unet/grey_attention")))) {
    fs::copy(test_data("unet/grey_attention"), root(), fs::copy_options::recursive);
  }
  fs::path root() const { return dir_.path() / "model"; }
  fs::path file() const { return root() / "unet/diffusion_pytorch_model.safetensors"; }
  NamedTensors read() const { return load_weights(open_model_folder(root())); }

  /// The weights, each name and tensor as `change` makes it, in place of the file.
  void rewrite(const std::function<void(std::string& name, torch::Tensor& tensor)>& change) const {
    NamedTensors changed;
    for (const auto& item : weights_) {
      auto name = item.first;
      auto tensor = item.second;
      change(name, tensor);
      changed.emplace(name, tensor.contiguous());
    }
    fs::remove(file());
    save_safetensors(file(), changed);
  }
  void expect_same(const NamedTensors& found) const {
    ASSERT_EQ(found.size(), weights_.size());
    for (const auto& [name, tensor] : weights_)
      EXPECT_TRUE(torch::equal(found.at(name), tensor)) << name;
  }

  TempDir dir_;
  NamedTensors weights_;
};

TEST_F(ForeignFolder, WeightsUnderAPrefixAreRead) {
  for (const std::string prefix : {"module.", "model.unet.", "_orig_mod."}) {
    rewrite([&](std::string& name, torch::Tensor&) { name = prefix + name; });
    expect_same(read());
  }
}

TEST_F(ForeignFolder, AttentionOfConvolutionsIsRead) {
  rewrite([](const std::string& name, torch::Tensor& tensor) {
    if (name.find(".attentions.") != name.npos && tensor.dim() == 2)
      tensor = tensor.unsqueeze(2).unsqueeze(3);
  });
  expect_same(read());
}

TEST_F(ForeignFolder, WeightsInPartsAreRead) {
  nlohmann::json map;
  std::array<NamedTensors, 2> parts;
  for (const auto& [name, tensor] : weights_) {
    const size_t part = map.size() % 2;
    parts[part].emplace(name, tensor);
    map[name] = part == 0 ? "a.safetensors" : "b.safetensors";
  }
  save_safetensors(root() / "unet/a.safetensors", parts[0]);
  save_safetensors(root() / "unet/b.safetensors", parts[1]);
  fs::rename(file(), root() / "whole");
  write_file_atomic(file().string() + ".index.json", format_json({{"weight_map", map}}));
  expect_same(read());
}

TEST_F(ForeignFolder, WeightsThatAreNotFiniteAreRefusedByName) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {std::nan(""), infinity, -infinity}) {
    for (const auto type : {torch::kFloat32, torch::kBFloat16, torch::kFloat64}) {
      rewrite([&](const std::string& name, torch::Tensor& tensor) {
        tensor = tensor.to(type, /*non_blocking=*/false, /*copy=*/true);
        if (name == "conv_out.bias") tensor.fill_(value);
      });
      expect_error<CheckpointError>([&] { read(); },
                                    file().string() + ": tensor conv_out.bias is not finite");
    }
  }
}

TEST_F(ForeignFolder, LargeFiniteWeightsAreRead) {
  rewrite([](const std::string& name, torch::Tensor& tensor) {
    if (name == "conv_in.weight") tensor = torch::full_like(tensor, 3e38);
  });
  EXPECT_EQ(read().at("conv_in.weight").max().item<float>(), 3e38F);
}

TEST_F(ForeignFolder, TheAveragedWeightsOfATrainingScriptAreTaken) {
  const auto checkpoint = dir_.path() / "out/checkpoint-500";
  fs::create_directories(checkpoint);
  fs::copy(root() / "unet", checkpoint / "unet_ema", fs::copy_options::recursive);
  rewrite([](const std::string&, torch::Tensor& tensor) { tensor = torch::zeros_like(tensor); });
  fs::copy(root() / "unet", checkpoint / "unet", fs::copy_options::recursive);
  fs::copy(root() / "scheduler", dir_.path() / "out/scheduler", fs::copy_options::recursive);
  const auto config = checkpoint / "unet_ema/config.json";
  auto object = load_json(config);
  object.update({{"decay", 0.9999}, {"inv_gamma", 1.0}, {"power", 0.75}, {"optimization_step", 5}});
  write_file_atomic(config, format_json(object));
  const auto usual = open_model_folder(test_data("unet/grey_attention"));
  for (const auto& path : {checkpoint, checkpoint / "unet_ema"}) {
    const auto folder = open_model_folder(path);
    expect_same(load_weights(folder));
    EXPECT_EQ(folder.diffusion.beta_schedule, usual.diffusion.beta_schedule);
    EXPECT_EQ(folder.diffusion.num_train_timesteps, usual.diffusion.num_train_timesteps);
  }
}

TEST_F(ForeignFolder, APipelineWithFurtherNetworksIsRefusedByName) {
  const auto with = [&](const char* name, const char* class_name) {
    nlohmann::json index = {{"_class_name", "LDMPipeline"},
                            {"unet", {"diffusers", "UNet2DModel"}},
                            {"scheduler", {"diffusers", "DDIMScheduler"}}};
    index[name] = {class_name == nullptr ? nlohmann::json() : nlohmann::json("diffusers"),
                   class_name == nullptr ? nlohmann::json() : nlohmann::json(class_name)};
    write_file_atomic(root() / "model_index.json", format_json(index));
  };
  for (const char* name : {"vqvae", "vae", "text_encoder", "bert", "safety_checker"}) {
    with(name, "AModel");
    for (const auto& path : {root(), root() / "unet"})
      EXPECT_NE(opening_error(path).find("LDMPipeline draws with " + std::string(name)),
                std::string::npos)
          << opening_error(path);
    with(name, nullptr);
    EXPECT_EQ(opening_error(root()), "");
  }
}

TEST_F(ForeignFolder, APipelineOfAnotherKindIsRefusedByName) {
  for (const char* name : {"ConsistencyModelPipeline", "KarrasVePipeline", "ScoreSdeVePipeline"}) {
    write_file_atomic(root() / "model_index.json", format_json({{"_class_name", name}}));
    EXPECT_NE(opening_error(root()).find(name), std::string::npos);
  }
  write_file_atomic(root() / "model_index.json", format_json({{"_class_name", "MyPipeline"}}));
  EXPECT_EQ(opening_error(root()), "");
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
