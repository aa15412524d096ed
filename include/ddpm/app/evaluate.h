#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/app/runtime_request.h"
#include "ddpm/config/setting_overrides.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/image.h"
#include "ddpm/eval/metrics.h"
#include "ddpm/eval/sweep_axis.h"

namespace ddpm {

/// How bits per dimension are measured: by the variational bound, the probability flow's ODE, or
/// the bound where there is one.
enum class BitsMethod { kAuto, kBound, kOde };

/// How, and of how many images, bits per dimension are wanted.
struct BitsRequest {
  BitsMethod method = BitsMethod::kAuto;
  int64_t images = 1000;
  int64_t draws = 20;  // steps of the chain an image; 0: all
};

/// What someone wants measured, of a model or of given images.
struct EvalRequest {
  RuntimeRequest runtime;
  SettingOverrides settings;  // of the sections data and sample
  MetricSelection metrics;
  bool all = false;  // every metric that can be had, instead of `metrics`
  BitsRequest bits;
  std::string checkpoint;              // empty: the newest run's
  std::string images;                  // a split, a folder, .npz, .npy or .zip; empty: drawn
  std::optional<std::string> classes;  // of drawn images; none: all in turn
  std::optional<int64_t> count;        // none: 10000 drawn ones, all given ones
  int64_t batch_size = 64;
  uint64_t seed = 0;                                // image i has seed + i
  std::string reference = "train";                  // test, a folder or an .npz
  std::shared_ptr<const Dataset> reference_images;  // of one's own, instead of `reference`
  std::string features;        // inception:FILE, classifier:CHECKPOINT; empty: what is there
  std::string resize = "tf1";  // how images reach Inception's size: tf1 or pytorch-fid
  int64_t nearest = 3;         // the k of precision and recall
  int64_t kid_subsets = 100;
  int64_t kid_subset_size = 1000;
  bool bounds = true;            // measure the distances of test images and of noise, too
  std::string save_stats;        // an .npz for the reference's statistics; empty: none
  std::string save_images;       // where drawn images are kept; empty: nowhere
  std::string out;               // of the result; empty: a free name in the run's folder eval
  std::vector<SweepAxis> sweep;  // empty: one evaluation
};

class OutputWriter;

/// The numbers of one model or set of images, and all that they depend on.
struct EvalResult {
  std::vector<MetricValue> metrics;
  nlohmann::ordered_json settings;  // `images`, `reference`, `features`, ...
  /// Generated images above the reference images nearest to them, the closest pair first.
  std::optional<Image> closest_pairs;
  /// Files from which the same evaluation would go on, for as long as the numbers are not out.
  std::vector<std::filesystem::path> partials;
  /// To finish once they are: a full disk must not cost a person the numbers. Null if images are
  /// not to be written.
  std::shared_ptr<OutputWriter> images;
};

/// One object: each number as `{"value": ...}` under its name, and what all depend on.
nlohmann::ordered_json result_json(const EvalResult& result);

/// Takes a result before anything else is done with it, lest a full disk cost a person the numbers;
/// false if it cannot be shown.
using ShowResult = std::function<bool(const EvalResult& result)>;

/// One evaluation from request to files: plan, images, numbers, `show`, then the files that were
/// asked for. `StopRequested` keeps what is done so far.
EvalResult evaluate(
    const EvalRequest& request, const ShowResult& show = [](const EvalResult&) { return true; });

}  // namespace ddpm
