#pragma once

#include <torch/types.h>

namespace ddpm {

/// What a network is told of each image beside the noisy image and its timestep. Tensors that are
/// not there are undefined; those that are have one row an image, on one device.
struct Conditioning {
  torch::Tensor labels = {};   // [N] int64, classes or the label that means "no class"
  torch::Tensor image = {};    // [N, C', H, W], whose channels the network sees behind those of x
  torch::Tensor level = {};    // [N], how noisy the condition image is
  torch::Tensor augment = {};  // [N, augment_labels], how x was augmented; undefined: not at all

  /// Rows of the tensors that are there, which must have equally many; 0 without any.
  int64_t rows() const;

  Conditioning to(torch::Device device) const;
  Conditioning clone() const;
  /// Rows first ... first+count-1, as views.
  Conditioning narrow(int64_t first, int64_t count) const;
  /// The rows of these numbers, [M] int64 on any device.
  Conditioning index_select(const torch::Tensor& numbers) const;
  /// Copies the rows of `from`, which must have the same tensors, into the first ones.
  void copy_(const Conditioning& from);
};

/// The rows of `first` and behind them those of `second`, which must have the same tensors.
Conditioning cat(const Conditioning& first, const Conditioning& second);

}  // namespace ddpm
