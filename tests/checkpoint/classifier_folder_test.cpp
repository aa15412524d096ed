#include "ddpm/checkpoint/classifier_folder.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

Config classifier_config() {
  Config config;
  config.train.task = Task::kClassifier;
  config.model = tiny_model();
  config.model.num_class_embeds = 3;
  config.model.null_class_label.reset();
  config.model.class_names = {"Coat", "Bag", "Boot"};
  config.classifier = {.pooling = Pooling::kAttention, .feature_dim = 12};
  config.diffusion.beta_schedule = BetaSchedule::kCosine;
  return config;
}

NamedTensors weights_of(const Classifier& net) {
  NamedTensors weights;
  for (const auto& item : net->named_parameters())
    weights.emplace(item.key(), item.value().detach().clone());
  return weights;
}

TEST(ClassifierFolder, ComesBackAsItWasWritten) {
  const TempDir dir;
  const auto config = classifier_config();
  Classifier net(config.model, config.classifier);
  net->init_weights(3);
  net->eval();
  save_classifier_folder(dir.path(), config, weights_of(net));
  EXPECT_TRUE(holds_classifier(dir.path()));
  const auto folder = load_classifier_folder(dir.path());
  EXPECT_EQ(folder.model.num_class_embeds, 3);
  EXPECT_EQ(folder.model.class_names, config.model.class_names);
  EXPECT_EQ(folder.options.feature_dim, 12);
  EXPECT_EQ(folder.options.pooling, Pooling::kAttention);
  EXPECT_EQ(folder.diffusion.beta_schedule, BetaSchedule::kCosine);
  auto again = load_classifier(folder, torch::kCPU);
  const torch::NoGradGuard no_grad;
  const auto x = torch::randn({2, 1, 8, 8});
  const auto t = torch::tensor({int64_t{3}, int64_t{70}});
  EXPECT_TRUE(torch::equal(again->forward(x, t), net->forward(x, t)));
}

void expect_refused(const std::filesystem::path& path, const std::string& text) {
  try {
    load_classifier_folder(path);
    FAIL() << "expected " << text;
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

TEST(ClassifierFolder, SaysWhatIsWrong) {
  const TempDir dir;
  expect_refused(dir.path(), "expected classifier/config.json");
  expect_refused(test_data("unet/grey_attention"), "holds a denoising model");
  const auto config = classifier_config();
  const Classifier net(config.model, config.classifier);
  save_classifier_folder(dir.path(), config, weights_of(net));
  const auto file = dir.path() / "classifier/config.json";
  auto object = load_json(file);
  object["num_classes"] = 1;
  write_file_atomic(file, format_json(object));
  expect_refused(dir.path(), "num_classes");
  object["num_classes"] = 3;
  object["surprise"] = 5;
  write_file_atomic(file, format_json(object));
  expect_refused(dir.path(), "surprise");
}

TEST(ClassifierFolder, IsNotTakenForADenoisingModel) {
  const TempDir dir;
  const auto config = classifier_config();
  save_classifier_folder(dir.path(), config,
                         weights_of(Classifier(config.model, config.classifier)));
  try {
    load_pipeline_folder(dir.path());
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find("holds a classifier"), std::string::npos);
  }
}

}  // namespace
}  // namespace ddpm
