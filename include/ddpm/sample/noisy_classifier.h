#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include <torch/types.h>

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
  /// Of a run or of a checkpoint folder. `CheckpointError` as `load_classifier_folder`.
  NoisyClassifier(const std::filesystem::path& path, torch::Device device);

  int64_t classes() const { return *net_->config().num_class_embeds; }
  int64_t feature_dim() const { return net_->options().feature_dim; }
  const ModelConfig& model() const { return net_->config(); }

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

/// The share of clean images, [N, C, H, W] in [-1, 1] with classes [N] int64, whose most probable
/// class is right.
double accuracy(NoisyClassifier& classifier, const torch::Tensor& images,
                const torch::Tensor& labels);

}  // namespace ddpm
