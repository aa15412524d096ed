#include "ddpm/eval/reference.h"

#include <filesystem>
#include <optional>

#include <torch/types.h>

#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/eval/cache.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// As long as no two files of a person's cache are likely to share it.
constexpr size_t kKeyDigits = 32;
/// Raised when what is cached changes its meaning.
constexpr const char* kVersion = "1";

std::string key_of(const std::string& text) {
  return sha256(std::string(kVersion) + "\n" + text).substr(0, kKeyDigits);
}

struct CacheFiles {
  fs::path statistics;
  fs::path features;
};

CacheFiles files_of(ImageSource& source, const FeatureNetwork& network) {
  const auto key = key_of(source.identity() + "\n" + network_identity(network));
  return {.statistics = optional_cache_file("statistics", key + ".npz"),
          .features = optional_cache_file("statistics", key + ".safetensors")};
}

/// Whether there are features of each image that the statistics are of.
bool fit_together(const ImageFeatures& found) {
  const auto& features = found.features;
  const int64_t images = found.statistics.count;
  return features.defined() && are_rows_of(features, images) &&
         features.size(1) == found.statistics.dimensions() &&
         (!found.labels.defined() || are_labels_of(found.labels, images));
}

/// Nothing if files are missing or damaged.
std::optional<ImageFeatures> load_cached(const CacheFiles& files, bool with_features) {
  std::error_code none;
  if (!fs::exists(files.statistics, none) || (with_features && !fs::exists(files.features, none)))
    return std::nullopt;
  try {
    ImageFeatures found;
    found.statistics = load_statistics(files.statistics);
    if (!with_features) return found;
    auto tensors = load_safetensors(files.features);
    found.features = tensors["features"];
    found.labels = tensors["labels"];
    if (!fit_together(found)) throw DataError(files.features.string(), ": damaged");
    return found;
  } catch (const UserError& error) {
    log_warning(std::string(error.what()) + "; measuring again");
    return std::nullopt;
  }
}

void store(const CacheFiles& files, const ImageFeatures& measured) {
  if (files.statistics.empty()) return;
  try {
    save_statistics(files.statistics, measured.statistics);
    if (!measured.features.defined()) return;
    NamedTensors tensors{{"features", measured.features}};
    if (measured.labels.defined()) tensors["labels"] = measured.labels;
    replace_safetensors(files.features, tensors);
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) + "; the cache is left as it is");
  }
}

}  // namespace

fs::path partial_file(const std::string& identity, const std::string& ending) {
  return optional_cache_file("partial", key_of(identity) + ending);
}

fs::path partial_file(ImageSource& source, const FeatureNetwork& network, const std::string& what) {
  return partial_file(source.identity() + "\n" + network_identity(network) + "\n" + what,
                      ".safetensors");
}

ImageFeatures measure_cached(ImageSource& source, FeatureNetwork& network, bool with_features,
                             int64_t batch_size) {
  const auto files = files_of(source, network);
  if (auto found = load_cached(files, with_features)) return *std::move(found);
  PassOptions options;
  options.batch_size = batch_size;
  options.keep.features = with_features;
  options.partial = partial_file(source, network, with_features ? "features" : "statistics");
  auto measured = measure_features(source, network, options);
  store(files, measured);
  return measured;
}

}  // namespace ddpm
