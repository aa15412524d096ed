#include "ddpm/eval/feature_pass.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/safetensors.h"
#include "ddpm/eval/cache.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// What a pass has gathered so far.
class Gathered {
 public:
  Gathered(int64_t dimensions, Keep keep)
      : dimensions_(dimensions),
        statistics_(dimensions),
        keep_(std::move(keep)) {}

  int64_t done() const { return done_; }

  void add(const SourceBatch& batch, const Features& features, const torch::Tensor& judged) {
    statistics_.add(features.features);
    if (keep_.features) parts_["features"].push_back(features.features);
    if (keep_.logits) parts_["logits"].push_back(features.logits);
    if (judged.defined()) parts_["judged"].push_back(judged);
    if (const auto rows = rows_to_keep(batch.images.size(0)); !rows.empty())
      parts_["images"].push_back(batch.images.index_select(0, torch::tensor(rows, torch::kInt64)));
    if (!batch.labels.empty())
      parts_["labels"].push_back(torch::tensor(batch.labels, torch::kInt64));
    done_ += batch.images.size(0);
  }

  ImageFeatures finish() {
    return {.statistics = statistics_.statistics(),
            .features = take("features"),
            .logits = take("logits"),
            .judged = take("judged"),
            .images = take("images"),
            .labels = take("labels")};
  }

  /// Replaces what an earlier, shorter attempt left there.
  void save(const fs::path& path) {
    NamedTensors tensors = statistics_.state();
    if (tensors.empty()) return;
    for (auto& [name, list] : parts_)
      tensors["kept." + name] = torch::cat(list);
    replace_safetensors(path, tensors);
  }

  /// Takes up what an interrupted pass left; false if nothing there fits.
  bool load(const fs::path& path, const SourceInfo& source, bool judged) {
    if (path.empty() || !fs::exists(path)) return false;
    try {
      auto tensors = load_safetensors(path);
      statistics_.load_state(tensors);
      done_ = statistics_.count();
      for (const auto& [name, tensor] : tensors)
        if (name.starts_with("kept.")) parts_[name.substr(5)] = {tensor};
      if (done_ > source.images || !is_whole(source, judged))
        throw DataError(path.string(), ": interrupted measurement: damaged");
    } catch (const UserError& error) {
      log_warning(std::string(error.what()) + "; starting anew");
      *this = Gathered(dimensions_, keep_);
      return false;
    }
    return true;
  }

 private:
  /// Whether what was loaded has a row for each image that is done, of all that is gathered.
  bool is_whole(const SourceInfo& source, bool judged) const {
    const auto kept = std::ranges::lower_bound(keep_.images, done_) - keep_.images.begin();
    const auto holds = [&](const char* name, bool wanted, const auto& is_right) {
      const auto found = parts_.find(name);
      return found == parts_.end() ? !wanted : wanted && is_right(found->second.front());
    };
    const auto fits = [&](const torch::Tensor& rows) { return are_rows_of(rows, done_); };
    return holds("features", keep_.features,
                 [&](const torch::Tensor& rows) {
                   return fits(rows) && rows.size(1) == dimensions_;
                 }) &&
           holds("logits", keep_.logits, fits) && holds("judged", judged, fits) &&
           holds("labels", parts_.contains("labels"),  // a model of classes may draw without them
                 [&](const torch::Tensor& labels) { return are_labels_of(labels, done_); }) &&
           holds("images", kept > 0, [&](const torch::Tensor& images) {
             return images.sizes() ==
                        std::vector<int64_t>{kept, source.channels, source.height, source.width} &&
                    images.scalar_type() == torch::kUInt8;
           });
  }

  /// Of the next `count` images.
  std::vector<int64_t> rows_to_keep(int64_t count) const {
    std::vector<int64_t> rows;
    for (auto next = std::ranges::lower_bound(keep_.images, done_);
         next != keep_.images.end() && *next < done_ + count; ++next)
      rows.push_back(*next - done_);
    return rows;
  }

  torch::Tensor take(const std::string& name) {
    const auto found = parts_.find(name);
    if (found == parts_.end()) return {};
    auto all = torch::cat(found->second);
    parts_.erase(found);  // else both are in memory at once for every name
    return all;
  }

  int64_t dimensions_;
  StatisticsAccumulator statistics_;
  Keep keep_;
  int64_t done_ = 0;
  std::map<std::string, std::vector<torch::Tensor>> parts_;
};

/// No number is made of features that are none.
void check_finite(const Features& features, const torch::Tensor& judged, const std::string& name) {
  for (const auto& part : {features.features, features.logits, judged})
    if (part.defined() && !part.isfinite().all().item<bool>())
      throw DivergedError(name,
                          ": features hold NaN or infinity; measure with `precision` float32 "
                          "or another `features`");
}

void run_batches(ImageSource& source, FeatureNetwork& network, const PassOptions& options,
                 Gathered& gathered) {
  const int64_t images = source.info().images;
  WorkProgress progress(static_cast<double>(images), static_cast<double>(gathered.done()));
  while (gathered.done() < images) {
    throw_if_stopped();
    const int64_t size = std::min(options.batch_size, images - gathered.done());
    const auto batch = source.read(gathered.done(), size);
    if (options.on_batch) options.on_batch(batch);
    torch::Tensor judged;
    if (options.classifier != nullptr) judged = options.classifier->run(batch.images).logits;
    const auto features = network.run(batch.images);
    check_finite(features, judged, source.info().name);
    gathered.add(batch, features, judged);
    progress.at(static_cast<double>(gathered.done()), [&] {
      return source.info().name + ": " + std::to_string(gathered.done()) + "/" +
             std::to_string(images) + " images";
    });
  }
}

}  // namespace

bool are_rows_of(const torch::Tensor& rows, int64_t images) {
  return rows.dim() == 2 && rows.size(0) == images && rows.scalar_type() == torch::kFloat32 &&
         rows.isfinite().all().item<bool>();
}

bool are_labels_of(const torch::Tensor& labels, int64_t images) {
  return labels.dim() == 1 && labels.size(0) == images && labels.scalar_type() == torch::kInt64;
}

std::string network_identity(const FeatureNetwork& network) {
  return network.name() + " " + network.hash() + " " + network.preprocessing();
}

ImageFeatures measure_features(ImageSource& source, FeatureNetwork& network,
                               const PassOptions& options) {
  Gathered gathered(network.dimensions(), options.keep);
  const auto& name = source.info().name;
  if (gathered.load(options.partial, source.info(), options.classifier != nullptr)) {
    log_info(name + ": going on after " + std::to_string(gathered.done()) + " images");
  }
  const auto keep = [&] {
    return keep_partial(options.partial, [&] { gathered.save(options.partial); });
  };
  try {
    run_batches(source, network, options, gathered);
  } catch (StopRequested& stop) {
    stop.goes_on = gathered.done() == 0 || keep();
    stop.progress = name + ": " + std::to_string(gathered.done()) + " of " +
                    std::to_string(source.info().images) + " images done";
    throw;
  }
  if (options.leave_partial) {
    keep();
  } else if (!options.partial.empty()) {
    std::error_code ignored;
    fs::remove(options.partial, ignored);
  }
  return gathered.finish();
}

}  // namespace ddpm
