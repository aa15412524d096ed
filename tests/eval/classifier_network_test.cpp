#include "ddpm/eval/classifier_network.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/support/expect_error.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

/// Writes a classifier of 8x8 grey images and three classes.
void write_classifier(const std::filesystem::path& path) {
  Config config;
  config.train.task = Task::kClassifier;
  const auto network = tiny_classifier();
  config.model = network.model;
  config.classifier = network.classifier;
  config.signature = network.signature;
  Classifier net(network);
  net->init_weights(3);
  NamedTensors weights;
  for (const auto& item : net->named_parameters())
    weights.emplace(item.key(), item.value().detach().clone());
  save_model_folder(path, config, weights);
}

TEST(ClassifierNetwork, GivesTheFeaturesAndLogitsOfCleanImages) {
  const TempDir dir;
  write_classifier(dir.path());
  ClassifierNetwork network(dir.path(), torch::kCPU);
  torch::manual_seed(0);
  const auto images = torch::randint(256, {5, 1, 8, 8}, torch::kUInt8);
  const auto [features, logits] = network.run(images);
  NoisyClassifier classifier(dir.path(), torch::kCPU);
  const auto x = images.to(torch::kFloat32) / 127.5 - 1;
  EXPECT_TRUE(torch::allclose(features, classifier.features(x), 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(logits, classifier.logits(x), 1e-4, 1e-5));
  EXPECT_EQ(features.size(1), network.dimensions());
  EXPECT_EQ(network.classes(), 3);
  EXPECT_EQ(network.name(), "classifier");
}

TEST(ClassifierNetwork, TakesColourForGreyButNoOtherSize) {
  const TempDir dir;
  write_classifier(dir.path());
  ClassifierNetwork network(dir.path(), torch::kCPU);
  const auto colour = torch::full({2, 3, 8, 8}, 90, torch::kUInt8);
  const auto grey = torch::full({2, 1, 8, 8}, 90, torch::kUInt8);
  EXPECT_TRUE(torch::equal(network.run(colour).features, network.run(grey).features));
  expect_error<DataError>(
      [&] {
        network.run(torch::zeros({1, 1, 9, 8}, torch::kUInt8));
      },
      "expected images of 8x8 pixels");
}

TEST(ClassifierNetwork, RefusesADenoisingModel) {
  expect_error<CheckpointError>(
      [] { ClassifierNetwork(test_data("unet/grey_attention"), torch::kCPU); },
      "holds a denoising model");
}

}  // namespace
}  // namespace ddpm
