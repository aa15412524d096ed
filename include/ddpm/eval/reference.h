#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <torch/types.h>

#include "ddpm/eval/feature_network.h"
#include "ddpm/eval/feature_pass.h"
#include "ddpm/eval/image_source.h"

namespace ddpm {

/// What generated images are compared with.
struct Reference {
  std::string name;  // for people: "fashion-mnist train"
  /// Statistics and, if they were asked for, features and labels.
  ImageFeatures measured;
  std::shared_ptr<ImageSource> source;  // null if only statistics are known
};

/// The features of a source, from the user's cache if they are there, else measured and put there.
/// They are known by the images' content, the network's weights and its preprocessing. Only the
/// statistics are kept unless `with_features`; logits are not. A cache that cannot be written is a
/// warning. `StopRequested` keeps what is done so far.
ImageFeatures measure_cached(ImageSource& source, FeatureNetwork& network, bool with_features,
                             int64_t batch_size);

/// Where interrupted work is kept that `identity` tells from all other; empty, with a warning, if
/// the cache cannot be written.
std::filesystem::path partial_file(const std::string& identity, const std::string& ending);

/// The same for a pass over `source`; `what` tells it from other passes.
std::filesystem::path partial_file(ImageSource& source, const FeatureNetwork& network,
                                   const std::string& what);

}  // namespace ddpm
