#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/feature_statistics.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// What a pass keeps besides the statistics. Memory grows with it: 50,000 vectors of Inception's
/// take 410 MB, their logits 200 MB.
struct Keep {
  bool features = false;
  bool logits = false;
  std::vector<int64_t> images = {};  // numbers of those to keep, rising
};

/// What a feature network said of a set of images; tensors that were not kept are undefined.
struct ImageFeatures {
  FeatureStatistics statistics;
  torch::Tensor features;  // [N, D] float32
  torch::Tensor logits;    // [N, K] float32
  torch::Tensor judged;    // [N, J] float32, logits of the second network
  torch::Tensor images;    // [M, C, H, W] uint8, the M of `Keep::images`
  torch::Tensor labels;    // [N] int64; undefined where the source has no classes
};

/// Whether `rows`, from a file, are float32 [images, anything] without NaN, as features and logits.
bool are_rows_of(const torch::Tensor& rows, int64_t images);
/// Whether `labels`, from a file, are int64 [images].
bool are_labels_of(const torch::Tensor& labels, int64_t images);

struct PassOptions {
  int64_t batch_size = 64;
  Keep keep;
  FeatureNetwork* classifier = nullptr;  // a second network, of which the logits are kept
  /// Where a stopped pass leaves what it has, and the next one goes on; empty: nowhere. A pass that
  /// comes to its end removes it, unless more is to be done before the numbers are out.
  std::filesystem::path partial;
  bool leave_partial = false;
  /// Called with each batch, in order.
  std::function<void(const SourceBatch&)> on_batch = {};
};

/// Runs all images of `source` through the network, batch by batch, with a progress line. If
/// someone asks for a stop, `StopRequested`, and what was done so far is in `options.partial`.
ImageFeatures measure_features(ImageSource& source, FeatureNetwork& network,
                               const PassOptions& options);

/// What a network makes of images, as a text for caches: name, weights, preprocessing.
std::string network_identity(const FeatureNetwork& network);

}  // namespace ddpm
