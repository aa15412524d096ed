#include "ddpm/cli/eval_context.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "ddpm/checkpoint/unet_config.h"
#include "ddpm/cli/bits_run.h"
#include "ddpm/cli/eval_images.h"
#include "ddpm/cli/feature_choice.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/config/yaml.h"
#include "ddpm/eval/frechet.h"
#include "ddpm/eval/obstacles.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

/// A reference's images through a network such as Inception at a few at a time is waste.
constexpr int64_t kReferenceBatch = 100;

/// Refuses a metric that cannot be had, or with `--all` leaves it out.
void leave_out(const EvalFlags& flags, const Obstacle& obstacle, MetricSelection& metrics) {
  if (!(metrics.*obstacle.metric)) return;
  if (!flags.all) throw DataError(obstacle.reason);
  metrics.*obstacle.metric = false;
  log_info("left out: " + obstacle.reason);
}

/// A metric whose images or network cannot be had at all, likewise.
template <typename Open>
void open_or_leave_out(const EvalFlags& flags, bool MetricSelection::*metric,
                       MetricSelection& metrics, const Open& open) {
  try {
    open();
  } catch (const UserError& error) {
    if (!flags.all) throw;
    leave_out(flags, {metric, error.what()}, metrics);
  }
}

/// Of a class that one side does not know, class by class comparisons would be of other classes.
void check_classes(const EvalFlags& flags, const std::string& name, const std::string& strange,
                   MetricSelection& metrics) {
  if (strange.empty()) return;
  const auto reason = name + ": the class '" + strange + "' is none of those to compare with";
  for (const auto metric : {&MetricSelection::class_agreement, &MetricSelection::per_class,
                            &MetricSelection::diversity})
    leave_out(flags, {metric, reason}, metrics);
}

/// Whether statistics that a file holds are of this network, as far as can be told.
bool are_of(const FeatureStatistics& statistics, const FeatureNetwork& network) {
  if (!statistics.mean.defined()) return false;
  const bool named = statistics.network.empty() || statistics.network == network_identity(network);
  return named && statistics.dimensions() == network.dimensions();
}

/// Makes contexts step by step.
class ContextMaker {
 public:
  ContextMaker(const EvalJob& job, const EvalFlags& flags) : job_(job), flags_(flags) {
    context_.metrics = job.options.metrics;
    context_.precision = job.precision;
    names_ = class_names_to_compare(job, flags, context_.metrics);
  }

  EvalContext make() {
    auto& metrics = context_.metrics;
    if (metrics.bits_per_dim)
      open_or_leave_out(flags_, &MetricSelection::bits_per_dim, metrics, [&] { open_bits(); });
    if (metrics.needs_reference()) open_reference();
    if (!flags_.images.empty() && metrics.needs_images()) open_scored();
    if (metrics.needs_images()) check_images();
    if (metrics.needs_images()) measure();
    context_.identity = identity();
    return std::move(context_);
  }

 private:
  bool draws() const { return context_.metrics.needs_images() && context_.files == nullptr; }

  void open_bits() {
    auto opened = open_bits_images(job_, flags_.bits.images);
    const auto& info = opened.images->info();
    if (!opened.strange_class.empty())
      throw DataError(info.name, ": the class '", opened.strange_class, "' is none of the model's");
    if (const auto reason = bits_obstacle(*job_.pipeline, info); !reason.empty())
      throw DataError(reason);
    context_.bits_images = std::move(opened.images);
  }

  /// Name, images, and what a file says of itself; nothing is measured yet. A file that holds
  /// statistics too is asked for its images only if they are needed.
  void open_reference() {
    auto& reference = context_.reference;
    reference.name = flags_.reference;
    NpzContent content{.statistics = false, .images = true};
    if (!is_split(flags_.reference) && !fs::is_directory(flags_.reference))
      content = npz_content(flags_.reference);
    if (content.statistics) reference.measured.statistics = load_statistics(flags_.reference);
    if (!content.statistics || (content.images && context_.metrics.needs_reference_features()))
      open_reference_source();
  }

  void open_reference_source() {
    auto opened = open_reference_images(job_, flags_, names_);
    context_.reference.source = std::move(opened.images);
    context_.reference.name = context_.reference.source->info().name;
    check_classes(flags_, context_.reference.name, opened.strange_class, context_.metrics);
  }

  void open_scored() {
    const auto& source = context_.reference.source;
    if (names_.empty() && source) names_ = source->info().class_names;
    auto opened = open_files(job_, flags_, names_);
    context_.files = std::move(opened.images);
    check_classes(flags_, context_.files->info().name, opened.strange_class, context_.metrics);
  }

  void check_images() {
    const auto options = options_for(job_, context_.metrics);
    for (const auto& obstacle : find_obstacles(options, scored_set(), reference_set()))
      leave_out(flags_, obstacle, context_.metrics);
    if (!context_.metrics.class_agreement) return;
    const auto known = given_classifier_names(flags_.features);
    if (!known.empty() && !names_.empty() && known != names_)
      leave_out(flags_,
                {&MetricSelection::class_agreement,
                 flags_.features + ": tells other classes apart than the images have"},
                context_.metrics);
  }

  ImageSet scored_set() const {
    const auto& files = context_.files;
    if (files == nullptr)
      return {.name = job_.checkpoint.string(), .images = job_.count, .labels = job_.labels};
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
    const auto scored = draws() ? generated_info(job_) : context_.files->info();
    if (draws() && context_.precision == Precision::kAuto)
      context_.precision = probe_sampling_precision(*job_.pipeline, job_.device,
                                                    std::min(flags_.batch_size, job_.count));
    context_.network = choose_features(flags_.features, flags_.resize, job_.data, job_.device);
    if (metrics.class_agreement && context_.network->name() != "classifier")
      open_or_leave_out(flags_, &MetricSelection::class_agreement, metrics,
                        [&] { choose_judge(); });
    if (!metrics.needs_reference()) return;
    measure_reference();
    check_sizes(scored);
    make_bounds(scored.images);
  }

  /// Class agreement needs logits of the classes that were asked for.
  void choose_judge() {
    if (!job_.data) throw UserError("--class-agreement: give --features classifier:CHECKPOINT");
    context_.judge = data_classifier(*job_.data, job_.device);
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
      if (!npz_content(flags_.reference).images)
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

  /// Of `count` images, as many as are scored.
  void make_bounds(int64_t count) {
    const auto& reference = context_.reference;
    const bool wanted = context_.metrics.frechet && !flags_.no_bounds;
    if (!wanted || reference.source == nullptr) return;
    auto& bounds = context_.bounds;
    const FrechetDistance distance(reference.measured.statistics);
    const auto to = [&](ImageSource& source) {
      return distance.to(
          measure_cached(source, *context_.network, false, kReferenceBatch).statistics);
    };
    const auto test = flags_.reference == "train" ? open_floor_images(job_, count) : nullptr;
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
    add(std::string(to_name(job_.precision)) + " " + job_.device.str());
    if (context_.network) add(network_identity(*context_.network));
    if (context_.judge) add(network_identity(*context_.judge));
    if (context_.bits_images) add(context_.bits_images->identity());
    if (context_.reference.source) add(context_.reference.source->identity());
    if (has_given_statistics_) {
      const auto& statistics = context_.reference.measured.statistics;
      for (const auto& tensor : {statistics.mean.contiguous(), statistics.covariance.contiguous()})
        hash.update({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    add(flags_.no_bounds ? "no bounds" : "bounds");
    return hash.finish();
  }

  const EvalJob& job_;
  const EvalFlags& flags_;
  std::vector<std::string> names_;
  bool has_given_statistics_ = false;
  EvalContext context_;
};

}  // namespace

EvalContext make_eval_context(const EvalJob& job, const EvalFlags& flags) {
  return ContextMaker(job, flags).make();
}

std::string context_key(const EvalJob& job) {
  Config config;
  if (job.data) config.data = *job.data;
  auto text = to_yaml(config) + (job.data ? "" : "no data\n");
  if (job.pipeline) {
    auto model = unet_config_to_json(job.pipeline->model);
    for (const char* key :
         {"in_channels", "sample_size", "num_class_embeds", "_null_class_label", "_class_names"})
      if (model.contains(key)) text += std::string(key) + model.at(key).dump() + "\n";
  }
  for (const int64_t label : job.labels)
    text += std::to_string(label) + " ";
  return text;
}

void save_reference(const EvalContext& context, const EvalFlags& flags) {
  if (flags.save_stats.empty()) return;
  auto statistics = context.reference.measured.statistics;
  if (!context.metrics.needs_reference())
    throw DataError("--save-stats ", flags.save_stats,
                    ": no metric that can be had has a reference");
  statistics.network = network_identity(*context.network);
  save_statistics(flags.save_stats, statistics);
  log_info("written: " + flags.save_stats);
  if (context.network->preprocessing() == "tf1")
    log_info(
        "pytorch-fid resizes in another way; for statistics to use with it, give "
        "--resize pytorch-fid");
}

}  // namespace ddpm
