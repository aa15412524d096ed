#pragma once

#include <cstdint>
#include <filesystem>

#include <torch/types.h>

#include "ddpm/checkpoint/model_folder.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/model/classifier.h"

namespace ddpm {

/// A trained classifier of noisy images, float32, with the process whose noise it knows.
///
/// Images may be of another process: a noise level is read by its ratio of noise to signal, and x
/// scaled to what the classifier has seen at that ratio.
class NoisyClassifier {
 public:
  NoisyClassifier(Classifier net, const DiffusionConfig& diffusion, torch::Device device);
  /// The classifier that an opened folder of one holds. `CheckpointError` as `load_network`.
  NoisyClassifier(const ModelFolder& folder, torch::Device device);
  /// The classifier of a run or of a checkpoint folder. `CheckpointError` as `open_model_folder`.
  NoisyClassifier(const std::filesystem::path& path, torch::Device device);

  int64_t classes() const { return net_->signature().classes; }
  int64_t feature_dim() const { return net_->config().classifier.feature_dim; }
  const NetworkConfig& config() const { return net_->config(); }

  /// Logits [N, classes] of x [N, C, H, W] at a noise level of any process.
  torch::Tensor logits(const torch::Tensor& x, const NoiseLevel& level);
  /// Logits [N, classes] and the vectors before the last layer [N, feature_dim] of clean images in
  /// [-1, 1].
  torch::Tensor logits(const torch::Tensor& images);
  torch::Tensor features(const torch::Tensor& images);
  /// Logits [N, classes] of such vectors.
  torch::Tensor logits_of(const torch::Tensor& features);

  /// The gradient of sum_i log p(labels_i | x_i) with respect to x [N, C, H, W]; row i depends on
  /// image i alone. Zero where x is noise alone. Works under NoGradGuard, but not under
  /// InferenceMode, whose tensors have no gradients.
  torch::Tensor gradient(const torch::Tensor& x, const NoiseLevel& level,
                         const torch::Tensor& labels);

 private:
  struct Input {
    double scale;     // of x, before the net sees it
    double timestep;  // as the net is told
  };
  Input input_at(const NoiseLevel& level) const;
  Input clean_input() const;
  torch::Tensor told(double timestep, int64_t images) const;

  Classifier net_;
  ProcessPtr process_;
  torch::Device device_;
};

}  // namespace ddpm
