#include "ddpm/app/eval_context.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/app/bits_run.h"
#include "ddpm/app/eval_images.h"
#include "ddpm/app/feature_choice.h"
#include "ddpm/checkpoint/components.h"
#include "ddpm/config/identity.h"
#include "ddpm/config/names.h"
#include "ddpm/eval/cache.h"
#include "ddpm/eval/frechet.h"
#include "ddpm/eval/metrics.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// A reference's images through a network such as Inception at a few at a time is waste.
constexpr int64_t kReferenceBatch = 100;

/// Whether statistics that a file holds are of this network, as far as can be told.
bool are_of(const FeatureStatistics& statistics, const FeatureNetwork& network) {
  if (!statistics.mean.defined()) return false;
  const bool named = statistics.network.empty() || statistics.network == network_identity(network);
  return named && statistics.dimensions() == network.dimensions();
}

/// Makes contexts step by step.
class ContextMaker {
 public:
  explicit ContextMaker(const EvalPlan& plan) : plan_(plan), names_(class_names_to_compare(plan)) {
    context_.metrics = plan.options.metrics;
    context_.precision = plan.precision;
  }

  EvalContext make() {
    auto& metrics = context_.metrics;
    if (metrics.has(Metric::kBitsPerDim))
      open_or_leave_out(Metric::kBitsPerDim, [&] { open_bits(); });
    if (metrics.needs_reference()) open_reference();
    if (!plan_.draws() && metrics.needs_images()) open_scored();
    if (metrics.needs_images()) check_images();
    if (metrics.needs_images()) measure();
    context_.identity = identity();
    return std::move(context_);
  }

 private:
  bool draws() const { return context_.metrics.needs_images() && context_.files == nullptr; }

  /// Refuses a metric that cannot be had, or with `spare_metrics` leaves it out.
  void leave_out(const Obstacle& obstacle) {
    if (!context_.metrics.has(obstacle.metric)) return;
    if (!plan_.spare_metrics) throw DataError(obstacle.reason);
    context_.metrics.remove(obstacle.metric);
    log_info("left out: " + obstacle.reason);
  }

  /// Does the same with a metric whose images or network cannot be had at all.
  template <typename Open>
  void open_or_leave_out(Metric metric, const Open& open) {
    try {
      open();
    } catch (const UserError& error) {
      if (!plan_.spare_metrics) throw;
      leave_out({metric, error.what()});
    }
  }

  /// Leaves out comparisons class by class if one side has a class that the other does not know:
  /// they would be of other classes.
  void check_classes(const std::string& name, const std::string& unknown) {
    if (unknown.empty()) return;
    const auto reason = name + ": the class '" + unknown + "' is none of those to compare with";
    for (const auto& row : metric_table())
      if (row.needs.classes) leave_out({row.metric, reason});
  }

  void open_bits() {
    auto opened = open_bits_images(plan_);
    const auto& info = opened.images->info();
    if (!opened.unknown_class.empty())
      throw DataError(info.name, ": the class '", opened.unknown_class, "' is none of the model's");
    if (const auto reason = bits_obstacle(plan_.model->pipeline, info); !reason.empty())
      throw DataError(reason);
    context_.bits_images = std::move(opened.images);
  }

  /// Finds name, images, and what a file says of itself; nothing is measured yet. A file that holds
  /// statistics too is asked for its images only if they are needed.
  void open_reference() {
    auto& reference = context_.reference;
    reference.name = plan_.reference;
    NpzContent content{.statistics = false, .images = true};
    const bool names_file = !plan_.reference_images && !is_split(plan_.reference);
    if (names_file && fs::path(plan_.reference).extension() == ".npz" &&
        !fs::is_directory(plan_.reference))
      content = npz_content(plan_.reference);
    if (content.statistics) reference.measured.statistics = load_statistics(plan_.reference);
    if (!content.statistics || (content.images && context_.metrics.needs_reference_features()))
      open_reference_source();
  }

  void open_reference_source() {
    auto opened = open_reference_images(plan_, names_);
    context_.reference.source = std::move(opened.images);
    context_.reference.name = context_.reference.source->info().name;
    check_classes(context_.reference.name, opened.unknown_class);
  }

  void open_scored() {
    const auto& source = context_.reference.source;
    if (names_.empty() && source) names_ = source->info().class_names;
    auto opened = open_files(plan_, names_);
    context_.files = std::move(opened.images);
    check_classes(context_.files->info().name, opened.unknown_class);
  }

  void check_images() {
    const auto options = options_for(plan_, context_.metrics);
    for (const auto& obstacle : find_obstacles(options, scored_set(), reference_set()))
      leave_out(obstacle);
    if (!context_.metrics.has(Metric::kClassAgreement)) return;
    const auto known = given_classifier_names(plan_.features);
    if (!known.empty() && !names_.empty() && known != names_)
      leave_out({Metric::kClassAgreement,
                 plan_.features + ": tells other classes apart than the images have"});
  }

  ImageSet scored_set() const {
    const auto& files = context_.files;
    if (files == nullptr)
      return {.name = plan_.checkpoint.string(), .images = plan_.count, .labels = plan_.labels};
    return {.name = files->info().name, .images = files->info().images, .labels = files->labels()};
  }

  ImageSet reference_set() const {
    const auto& source = context_.reference.source;
    if (source == nullptr) return {.name = context_.reference.name};
    return {.name = context_.reference.name,
            .images = source->info().images,
            .labels = source->labels()};
  }

  void measure() {
    auto& metrics = context_.metrics;
    const auto scored = draws() ? generated_info(plan_) : context_.files->info();
    if (draws() && context_.precision == Precision::kAuto)
      context_.precision = probe_sampling_precision(plan_.model->pipeline, plan_.device,
                                                    std::min(plan_.batch_size, plan_.count));
    context_.network = choose_features(plan_.features, plan_.resize, plan_.data, plan_.device);
    if (metrics.has(Metric::kClassAgreement) && context_.network->name() != "classifier")
      open_or_leave_out(Metric::kClassAgreement, [&] { choose_classifier(); });
    if (!metrics.needs_reference()) return;
    measure_reference();
    check_sizes(scored);
    make_bounds(scored.images);
  }

  /// Class agreement needs logits of the classes that were asked for.
  void choose_classifier() {
    if (!plan_.data) throw UserError("`class_agreement`: give `features` classifier:CHECKPOINT");
    context_.classifier = data_classifier(*plan_.data, plan_.device);
  }

  /// Statistics that a file gives are what others compare with, so they go before those of its
  /// images.
  void measure_reference() {
    auto& reference = context_.reference;
    auto& network = *context_.network;
    const auto given = reference.measured.statistics;
    has_given_statistics_ = are_of(given, network);
    const bool file = given.mean.defined();
    if (file && !has_given_statistics_ && !reference.source) {
      if (!npz_content(plan_.reference).images)
        throw DataError(reference.name, ": has statistics of ", given.dimensions(), " dimensions",
                        given.network.empty() ? "" : " by " + given.network, ", expected ",
                        network.dimensions(), " of the network ", network_identity(network));
      open_reference_source();
    }
    if (reference.source) {
      const bool with_features = context_.metrics.needs_reference_features();
      reference.measured =
          measure_cached(*reference.source, network, with_features, kReferenceBatch);
    }
    if (!has_given_statistics_) return;
    reference.measured.statistics = given;
    if (reference.source) reference.name += " (its statistics)";
  }

  /// Inception takes images of any size, which other tools compare without a word.
  void check_sizes(const SourceInfo& scored) const {
    const auto& reference = context_.reference;
    if (!reference.source) return;
    const auto& other = reference.source->info();
    if (scored.height == other.height && scored.width == other.width) return;
    const auto size = [](const SourceInfo& info) {
      return std::to_string(info.height) + "x" + std::to_string(info.width);
    };
    const auto text = scored.name + ": has images of " + size(scored) + ", expected " +
                      size(other) + " as of " + reference.name;
    if (context_.network->name() != "inception") throw DataError(text);
    log_warning(text + "; the distance is also of their sizes");
  }

  /// Test images stand for a perfect model only beside training images.
  bool has_floor() const { return !plan_.reference_images && plan_.reference == "train"; }

  /// Measures as many images, `count`, as are scored.
  void make_bounds(int64_t count) {
    const auto& reference = context_.reference;
    const bool wanted = context_.metrics.has(Metric::kFrechet) && plan_.bounds;
    if (!wanted || reference.source == nullptr) return;
    auto& bounds = context_.bounds;
    const FrechetDistance distance(reference.measured.statistics);
    const auto to = [&](ImageSource& source) {
      return distance.to(
          measure_cached(source, *context_.network, false, kReferenceBatch).statistics);
    };
    const auto test = has_floor() ? open_floor_images(plan_, count) : nullptr;
    if (test != nullptr) {
      bounds.floor = to(*test);
      bounds.floor_name =
          test->info().name + ", " + std::to_string(test->info().images) + " images";
    }
    NoiseImages noise(reference.source->info(), std::min(count, reference.source->info().images));
    bounds.ceiling = to(noise);
  }

  /// Images are told by their content, and so what was measured of them; a file's statistics by
  /// their own.
  std::string identity() const {
    Sha256 hash;
    const auto add = [&](const std::string& text) { hash.update(text + "\n"); };
    add(std::string(to_name(plan_.precision)) + " " + plan_.device.str());
    if (context_.network) add(network_identity(*context_.network));
    if (context_.classifier) add(network_identity(*context_.classifier));
    if (context_.bits_images) add(context_.bits_images->identity());
    if (context_.reference.source) add(context_.reference.source->identity());
    if (has_given_statistics_) {
      const auto& statistics = context_.reference.measured.statistics;
      for (const auto& tensor : {statistics.mean.contiguous(), statistics.covariance.contiguous()})
        hash.update({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    add(plan_.bounds ? "bounds" : "no bounds");
    return hash.finish();
  }

  const EvalPlan& plan_;
  std::vector<std::string> names_;
  bool has_given_statistics_ = false;
  EvalContext context_;
};

}  // namespace

EvalContext make_eval_context(const EvalPlan& plan) {
  auto context = ContextMaker(plan).make();
  warn_without_cache();
  return context;
}

std::string context_key(const EvalPlan& plan) {
  Config config;
  if (plan.data) config.data = *plan.data;
  auto text = identity_of(config, {"data"}) + config.data.root + (plan.data ? "\n" : "no data\n");
  if (plan.model) {
    const auto& network = plan.model->pipeline.network;
    const auto model = component_of(network).write(network);
    for (const char* key :
         {"in_channels", "sample_size", "num_class_embeds", "_null_class_label", "_class_names"})
      if (model.contains(key)) text += std::string(key) + model.at(key).dump() + "\n";
  }
  for (const int64_t label : plan.labels)
    text += std::to_string(label) + " ";
  return text;
}

void save_reference(const EvalContext& context, const EvalPlan& plan) {
  const auto& path = plan.out.statistics;
  if (path.empty()) return;
  auto statistics = context.reference.measured.statistics;
  if (!context.metrics.needs_reference())
    throw DataError("`save_stats` ", path.string(), ": no metric that can be had has a reference");
  statistics.network = network_identity(*context.network);
  save_statistics(path, statistics);
  log_info("written: " + path.string());
  if (context.network->preprocessing() == "tf1")
    log_info(
        "pytorch-fid resizes in another way; for statistics to use with it, give "
        "`resize` pytorch-fid");
}

}  // namespace ddpm
