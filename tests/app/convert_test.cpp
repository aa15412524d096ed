#include "ddpm/app/convert.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/app/sample.h"
#include "ddpm/app/state_file.h"
#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/diffusion/noise_schedule.h"
#include "ddpm/util/files.h"
#include "tests/app/app_fixture.h"
#include "tests/support/golden.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class ConvertTest : public AppTest {
 protected:
  static ConvertRequest converting(const std::string& file, const Texts& settings = {}) {
    ConvertRequest request;
    request.source = test_data("convert") / file;
    request.dest = "new";
    request.image_size = {8};
    put(request.settings, settings);
    return request;
  }

  /// Converts, and compares the network with what the other program's own answered.
  static void expect_answer(const ConvertRequest& request, const std::string& name) {
    run_conversion(plan_conversion(request));
    const auto golden = load_safetensors(test_data("convert/golden.safetensors"));
    const auto net = load_network(open_model_folder(request.dest), torch::kCPU);
    const torch::NoGradGuard no_grad;
    Conditioning conditioning;
    conditioning.labels = find(golden, name + ".labels");
    const auto y =
        net->forward(golden.at(name + ".x"), golden.at(name + ".timesteps"), conditioning);
    EXPECT_LT(relative_difference(y, golden.at(name + ".y")), 1e-5) << name;
  }

  template <typename Error>
  static void refused(const ConvertRequest& request, const std::string& text) {
    expect_error<Error>([&] { plan_conversion(request); }, text);
    EXPECT_FALSE(fs::exists(request.dest));
  }
};

TEST_F(ConvertTest, NetworksOfGuidedDiffusionAnswerAsThere) {
  expect_answer(converting("guided_classes.pt", {{"model.attention_head_dim", "16"}}),
                "guided_classes");
  const auto folder = open_model_folder("new");
  EXPECT_EQ(folder.network.signature.classes, 3);
  EXPECT_EQ(folder.network.signature.sample_size, (std::vector<int64_t>{8, 8}));
  EXPECT_EQ(folder.diffusion.variance, Variance::kLearnedRange);
  auto request = converting("guided_new_order.ckpt", {{"model.attention_head_dim", "8"}});
  request.dest = "newer";
  request.new_attention_order = true;
  expect_answer(request, "guided_new_order");
  request.dest = "newest";
  EXPECT_EQ(plan_conversion(request).part, "state_dict.model._orig_mod");
}

TEST_F(ConvertTest, NetworksOfImprovedDiffusionAnswerAsThere) {
  expect_answer(converting("improved_old_layout.pt", {{"model.attention_head_dim", "16"}}),
                "improved");
}

TEST_F(ConvertTest, OldPicklesOfDiffusersAreTheSameWeights) {
  fs::create_directories("old/unet");
  copy_file(test_data("unet/float16/unet/config.json"), "old/unet/config.json");
  copy_file(test_data("convert/diffusion_pytorch_model.bin"),
            "old/unet/diffusion_pytorch_model.bin");
  for (const char* source : {"old", "old/unet", "old/unet/diffusion_pytorch_model.bin"}) {
    ConvertRequest request;
    request.source = source;
    request.dest = "new";
    run_conversion(plan_conversion(request));
    const auto before = load_weights(open_model_folder(test_data("unet/float16")));
    const auto after = load_weights(open_model_folder("new"));
    ASSERT_EQ(after.size(), before.size());
    for (const auto& [name, tensor] : before)
      EXPECT_TRUE(torch::equal(after.at(name), tensor)) << name;
    fs::remove_all("new");
  }
}

TEST_F(ConvertTest, WhatAStateDictDoesNotTellIsAskedFor) {
  refused<UserError>(converting("guided_classes.pt"), "give model.attention_head_dim");
  auto request = converting("guided_classes.pt", {{"model.attention_head_dim", "16"}});
  request.image_size.clear();
  refused<UserError>(request, "give `image_size` N");
  refused<UserError>(converting("guided_classes.pt", {{"model.attention_head_dim", "16"},
                                                      {"diffusion.num_train_timesteps", "4000"}}),
                     "give `rescale_timesteps`");
  refused<UserError>(converting("guided_classes.pt", {{"model.attention_head_dim", "12"}}),
                     "model.attention_head_dim must divide its attention channels (32)");
  refused<CheckpointError>(converting("guided_classes.pt", {{"model.attention_head_dim", "16"},
                                                            {"model.layers_per_block", "2"}}),
                           "is missing");
}

TEST_F(ConvertTest, RescaledTimestepsAreThoseThatTheNetworkWasTold) {
  auto request = converting("guided_classes.pt", {{"model.attention_head_dim", "16"},
                                                  {"diffusion.num_train_timesteps", "4000"}});
  request.rescale_timesteps = true;
  const auto rescaled = plan_conversion(request).config.diffusion;
  request.rescale_timesteps = false;
  const auto plain = plan_conversion(request).config.diffusion;
  EXPECT_EQ(plain.num_train_timesteps, 4000);
  EXPECT_DOUBLE_EQ(plain.beta_start, 2.5e-5);
  ASSERT_EQ(rescaled.num_train_timesteps, 1000);
  double product = 1.0;
  for (int64_t t = 0; t <= 250; ++t)
    product *= 1.0 - rescaled.trained_betas.at(static_cast<size_t>(t));
  EXPECT_NEAR(product, NoiseSchedule(plain).alpha_bar(1000), 1e-12);
}

TEST_F(ConvertTest, OtherFilesAreRefusedByName) {
  refused<CheckpointError>(converting("edm.pkl"), "EDM or StyleGAN");
  refused<CheckpointError>(converting("evil.pt"), "output_blocks");
  refused<CheckpointError>(converting("golden.safetensors"), "its tensors are called");
  refused<CheckpointError>(converting("none.pt"), "no such file");
  dir_.write("page.pt", "<!DOCTYPE html>");
  dir_.write("cut.pt", read_file(test_data("convert/guided_classes.pt")).substr(0, 5000));
  dir_.write("old.pt", read_file(test_data("convert/improved_old_layout.pt")).substr(0, 90'000));
  dir_.write("empty.pt", "");
  const std::pair<const char*, const char*> rows[] = {{"page.pt", "web page"},
                                                      {"cut.pt", "cut.pt: "},
                                                      {"old.pt", "is missing"},
                                                      {"empty.pt", "no file of torch.save"}};
  for (const auto& [file, text] : rows) {
    auto request = converting("", {{"model.attention_head_dim", "16"}});
    request.source = file;
    refused<CheckpointError>(request, text);
  }
}

TEST_F(ConvertTest, NothingThatIsThereIsTouched) {
  fs::create_directories("new");
  expect_error<UserError>([] { plan_conversion(converting("guided_classes.pt")); },
                          "new: exists already");
  auto request = converting("");
  request.source = test_data("unet/grey_attention");
  request.dest = "other";
  refused<UserError>(request, "opens as it is");
}

}  // namespace
}  // namespace ddpm
