#pragma once

#include <cstdint>
#include <string>

#include <torch/types.h>

#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// What a feature network says of N images.
struct Features {
  torch::Tensor features;  // [N, D] float32, on the CPU
  torch::Tensor logits;    // [N, K] float32, on the CPU
};

/// A network whose activations tell images apart: metrics compare distributions of its features.
class FeatureNetwork {
 public:
  virtual ~FeatureNetwork() = default;

  /// Features of 8-bit images [N, C, H, W], on any device, grey (C = 1) or RGB (C = 3); what the
  /// network needs otherwise is made of them. `DataError` for images that it cannot take. Row i
  /// depends on image i alone.
  virtual Features run(const torch::Tensor& images) = 0;

  /// D, the length of a feature vector.
  virtual int64_t dimensions() const = 0;
  /// K, the number of classes of the logits.
  virtual int64_t classes() const = 0;
  /// The fewest images for which distances in these features are sound.
  virtual int64_t sound_images() const { return dimensions(); }
  /// "inception" or "classifier".
  virtual std::string name() const = 0;
  /// The first 16 hexadecimal digits of the SHA-256 of the weights, as `weights_hash`.
  virtual std::string hash() const = 0;
  /// How images are brought to the network's size: "tf1", "pytorch-fid", or "" for not at all.
  virtual std::string preprocessing() const { return ""; }
};

/// The first 16 hexadecimal digits of the SHA-256 of names, shapes and float32 values: the same
/// whatever the types or the order in the file.
std::string weights_hash(const NamedTensors& weights);

/// 8-bit images [N, 1 or 3, H, W] with `channels` of them: grey is repeated, RGB becomes its luma
/// as in `convert_channels`. `DataError` for other images.
torch::Tensor with_channels(const torch::Tensor& images, int64_t channels);

}  // namespace ddpm
