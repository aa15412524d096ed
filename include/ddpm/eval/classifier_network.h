#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <torch/types.h>

#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/eval/feature_network.h"
#include "ddpm/sample/noisy_classifier.h"

namespace ddpm {

/// A classifier that `ddpm train` made, as a feature network: the vectors before its last layer,
/// and its logits, for images without noise. A distance in these features is no FID.
class ClassifierNetwork : public FeatureNetwork {
 public:
  /// Of a run or of a checkpoint folder. `CheckpointError` if it holds no classifier.
  ClassifierNetwork(const std::filesystem::path& path, torch::Device device);

  Features run(const torch::Tensor& images) override;
  int64_t dimensions() const override { return classifier_.feature_dim(); }
  int64_t classes() const override { return classifier_.classes(); }
  std::string name() const override { return "classifier"; }
  std::string hash() const override { return hash_; }

 private:
  ClassifierNetwork(const ModelFolder& folder, torch::Device device);

  NoisyClassifier classifier_;
  std::string hash_;
};

}  // namespace ddpm
