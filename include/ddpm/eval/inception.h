#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/inception_layers.h"

namespace ddpm {

/// How images are brought to Inception's 299 x 299 pixels.
enum class InceptionResize {
  kTf1,         // bilinear as TensorFlow 1, (x - 128) / 128: the original FID, ADM, EDM
  kPytorchFid,  // bilinear between pixel centres, 2 x - 1 of [0, 1]: pytorch-fid
};

/// Reads "tf1" or "pytorch-fid". `UserError` naming the two.
InceptionResize parse_inception_resize(std::string_view word);

/// The Inception network of FID (Szegedy et al., "Rethinking the Inception architecture", 2015; the
/// TensorFlow graph inception-2015-12-05 of Heusel et al., 2017): features are the 2048 averages
/// after the last block, logits the 1008 of the last layer without its bias, on which the Inception
/// score rests.
///
/// It differs from torchvision's: average pools leave out the padding, and the last block has a
/// maximum pool instead. Batch norms are folded into the convolutions.
class Inception : public FeatureNetwork {
 public:
  /// `weights` has the names of pytorch-fid and torch-fidelity (`Mixed_5b.branch1x1.conv.weight`,
  /// ...); `origin` is named in errors. `CheckpointError` for a tensor that is missing, unknown, or
  /// of another shape.
  Inception(const NamedTensors& weights, const std::string& origin, InceptionResize resize,
            torch::Device device);

  Features run(const torch::Tensor& images) override;
  int64_t dimensions() const override;
  int64_t classes() const override;
  std::string name() const override { return "inception"; }
  std::string hash() const override { return hash_; }
  std::string preprocessing() const override;

  /// The names and shapes of a file of weights.
  static std::map<std::string, std::vector<int64_t>> parameters();

 private:
  InceptionResize resize_;
  torch::Device device_;
  std::string hash_;
  InceptionStages stages_;
  torch::Tensor head_;  // [1008, 2048]
};

/// Opens the file that scripts/convert_inception.py writes. `CheckpointError` naming it if it is
/// missing, broken, or of another network.
Inception load_inception(const std::filesystem::path& path, InceptionResize resize,
                         torch::Device device);

/// 8-bit images [N, 3, H, W] as the network sees them: float32 [N, 3, 299, 299] in [-1, 1].
torch::Tensor inception_input(const torch::Tensor& images, InceptionResize resize);

}  // namespace ddpm
