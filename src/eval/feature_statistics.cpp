#include "ddpm/eval/feature_statistics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/npy.h"
#include "ddpm/data/npz_keys.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Arrays = std::map<std::string, NpyArray>;

struct Keys {
  const char* mean;
  const char* covariance;
};

constexpr Keys kKnownKeys[] = {{"mu", "sigma"}, {"mu_s", "sigma_s"}, {"m2", "s2"}};
constexpr uint64_t kMaxBytes = uint64_t{64} << 30;
/// Of one array of statistics: a covariance of 11,585 dimensions.
constexpr uint64_t kMaxStatisticsBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxNoteBytes = 1024;  // of `count` and `network`; others mean another thing
constexpr size_t kMaxNetworkBytes = 256;

ZipReader open_zip(const std::filesystem::path& path) {
  return {read_file(path), path.string(), kMaxBytes};
}

std::string key_of(const ZipEntry& entry) {
  return entry.name.substr(0, entry.name.rfind('.'));
}

/// The first pair of keys that the file has both of.
std::optional<Keys> known_pair(const ZipReader& zip) {
  const auto holds = [&](const char* key) {
    return std::ranges::find(zip.entries(), key, key_of) != zip.entries().end();
  };
  for (const Keys& keys : kKnownKeys)
    if (holds(keys.mean) && holds(keys.covariance)) return keys;
  return std::nullopt;
}

/// The arrays of one pair and what is told of them; images beside them may be many.
Arrays load_arrays(const ZipReader& zip, const Keys& keys, const std::string& file) {
  Arrays arrays;
  for (const auto& entry : zip.entries()) {
    const auto key = key_of(entry);
    const bool note = (key == "count" || key == "network") && entry.size <= kMaxNoteBytes;
    if (!note && key != keys.mean && key != keys.covariance) continue;
    const auto name = file + ": " + key;
    if (entry.size > kMaxStatisticsBytes)
      throw DataError(name, ": expected at most ", kMaxStatisticsBytes, " bytes, got ", entry.size);
    arrays[key] = parse_npy(zip.read(entry), name);
  }
  return arrays;
}

torch::Tensor to_tensor(const NpyArray& array, const std::string& name) {
  if (array.dtype != "f4" && array.dtype != "f8") {
    throw DataError(name, ": expected float32 or float64, got ", array.dtype);
  }
  const auto type = array.dtype == "f4" ? torch::kFloat32 : torch::kFloat64;
  // from_blob has no const form; the copy is what is kept.
  auto* bytes = const_cast<char*>(array.bytes.data());
  return torch::from_blob(bytes, array.shape, type).to(torch::kFloat64, false, /*copy=*/true);
}

NpyArray to_array(const torch::Tensor& tensor, const std::string& dtype) {
  const auto values = tensor.contiguous();
  return {dtype, values.sizes().vec(),
          std::string(static_cast<const char*>(values.const_data_ptr()), values.nbytes())};
}

std::vector<std::string> array_keys(const ZipReader& zip) {
  std::vector<std::string> names;
  for (const auto& entry : zip.entries())
    names.push_back(key_of(entry));
  return names;
}

std::string key_names(const ZipReader& zip) {
  const auto names = array_keys(zip);
  return names.empty() ? "nothing" : join(names);
}

int64_t read_count(const Arrays& arrays) {
  const auto found = arrays.find("count");
  if (found == arrays.end() || found->second.dtype != "i8" || found->second.bytes.size() != 8) {
    return 0;
  }
  const auto* value = reinterpret_cast<const int64_t*>(found->second.bytes.data());
  return std::max<int64_t>(*value, 0);
}

std::string read_network(const Arrays& arrays) {
  const auto found = arrays.find("network");
  if (found == arrays.end() || found->second.dtype != "u1") return "";
  return one_line(found->second.bytes.substr(0, kMaxNetworkBytes));
}

void check_shapes(const FeatureStatistics& statistics, const std::string& file, const Keys& keys) {
  const auto mean = statistics.mean.sizes();
  const auto covariance = statistics.covariance.sizes();
  const bool fit = mean.size() == 1 && mean[0] > 0 && covariance.size() == 2 &&
                   covariance[0] == mean[0] && covariance[1] == mean[0];
  if (!fit) {
    throw DataError(file, ": expected ", keys.mean, " [D] and ", keys.covariance,
                    " [D, D], got shapes ", mean, " and ", covariance);
  }
  if (!statistics.mean.isfinite().all().item<bool>() ||
      !statistics.covariance.isfinite().all().item<bool>()) {
    throw DataError(file, ": ", keys.mean, " or ", keys.covariance, " is not finite");
  }
}

}  // namespace

StatisticsAccumulator::StatisticsAccumulator(int64_t dimensions)
    : sum_(torch::zeros({dimensions}, torch::kFloat64)),
      products_(torch::zeros({dimensions, dimensions}, torch::kFloat64)) {}

void StatisticsAccumulator::add(const torch::Tensor& features) {
  TORCH_CHECK(features.dim() == 2 && features.size(1) == sum_.size(0), "expected [N, ",
              sum_.size(0), "] features, got ", features.sizes());
  if (features.size(0) == 0) return;
  const auto x = features.to(torch::kCPU, torch::kFloat64);
  if (!x.isfinite().all().item<bool>()) {
    throw DataError("features: expected finite numbers, got NaN or infinity");
  }
  if (!origin_.defined()) origin_ = x.mean(0);
  const auto centered = x - origin_;
  sum_ += centered.sum(0);
  products_.addmm_(centered.t(), centered);
  count_ += x.size(0);
}

FeatureStatistics StatisticsAccumulator::statistics() const {
  if (count_ < 2) {
    throw DataError("features: expected at least 2 images for a covariance, got ", count_);
  }
  const auto images = static_cast<double>(count_);
  const auto shift = sum_ / images;
  const auto products = (products_ + products_.t()) / 2.0;  // symmetric to the last bit
  return {count_, origin_ + shift, (products - images * shift.outer(shift)) / (images - 1.0), {}};
}

FeatureStatistics feature_statistics(const torch::Tensor& features) {
  constexpr int64_t kRows = 1024;
  StatisticsAccumulator accumulator(features.size(1));
  for (const auto& rows : features.split(kRows))
    accumulator.add(rows);
  return accumulator.statistics();
}

NpzContent npz_content(const std::filesystem::path& path) {
  const auto zip = open_zip(path);
  const auto holds = [&](const std::string& key) {
    return std::ranges::find(zip.entries(), key + ".npy", &ZipEntry::name) != zip.entries().end();
  };
  return {.statistics =
              std::ranges::any_of(kKnownKeys, [&](const Keys& keys) { return holds(keys.mean); }),
          .images = has_image_keys(array_keys(zip))};
}

FeatureStatistics load_statistics(const std::filesystem::path& path) {
  const std::string file = path.string();
  const auto zip = open_zip(path);
  const auto keys = known_pair(zip);
  if (!keys)
    throw DataError(file,
                    ": expected statistics mu and sigma, mu_s and sigma_s, or m2 and s2, got ",
                    key_names(zip));
  const Arrays arrays = load_arrays(zip, *keys, file);
  const FeatureStatistics statistics{
      read_count(arrays), to_tensor(arrays.at(keys->mean), file + ": " + keys->mean),
      to_tensor(arrays.at(keys->covariance), file + ": " + keys->covariance), read_network(arrays)};
  check_shapes(statistics, file, *keys);
  return statistics;
}

void save_statistics(const std::filesystem::path& path, const FeatureStatistics& statistics) {
  std::map<std::string, NpyArray> arrays{
      {"count", to_array(torch::tensor(statistics.count, torch::kInt64), "i8")},
      {"mu", to_array(statistics.mean, "f8")},
      {"sigma", to_array(statistics.covariance, "f8")}};
  const auto& network = statistics.network;
  if (!network.empty()) {
    arrays["network"] = {.dtype = "u1", .shape = {std::ssize(network)}, .bytes = network};
  }
  write_file_atomic(path, format_npz(arrays, /*compress=*/true));
}

}  // namespace ddpm
