#include "ddpm/cli/eval_context.h"

#include <algorithm>
#include <filesystem>

#include <torch/types.h>

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

/// Name, images, and what a file says of itself; nothing is measured yet.
Reference open_reference(const EvalJob& job, const EvalFlags& flags) {
  Reference reference;
  reference.source = open_reference_images(job, flags);
  reference.name = reference.source == nullptr ? flags.reference : reference.source->info().name;
  const bool file = !is_split(flags.reference) && !fs::is_directory(flags.reference);
  if (file && npz_content(flags.reference).statistics)
    reference.measured.statistics = load_statistics(flags.reference);
  return reference;
}

/// Whether statistics that a file holds are of this network, as far as can be told.
bool are_of(const FeatureStatistics& statistics, const FeatureNetwork& network) {
  if (!statistics.mean.defined()) return false;
  const bool named = statistics.network.empty() || statistics.network == network_identity(network);
  return named && statistics.dimensions() == network.dimensions();
}

/// Statistics that a file gives are what others compare with, so they go before those of its
/// images.
void measure_reference(const EvalContext& context, Reference& reference) {
  auto& network = *context.network;
  const auto given = reference.measured.statistics;
  const bool fit = are_of(given, network);
  if (reference.source == nullptr && !fit)
    throw DataError(reference.name, ": has statistics of ", given.dimensions(), " dimensions",
                    given.network.empty() ? "" : " by " + given.network, ", expected ",
                    network.dimensions(), " of the network ", network_identity(network));
  const bool with_features = context.options.metrics.needs_reference_features();
  if (reference.source != nullptr && (with_features || !fit)) {
    reference.measured = measure_cached(*reference.source, network, with_features, kReferenceBatch);
  }
  if (!fit) return;
  reference.measured.statistics = given;
  if (reference.source != nullptr) reference.name += " (its statistics)";
}

/// Of `count` images, as many as are scored.
DistanceBounds make_bounds(const EvalJob& job, const EvalFlags& flags, const EvalContext& context,
                           int64_t count) {
  DistanceBounds bounds;
  const auto& reference = context.reference;
  const bool wanted = context.options.metrics.frechet && !flags.no_bounds;
  if (!wanted || reference.source == nullptr) return bounds;
  const FrechetDistance distance(reference.measured.statistics);
  const auto to = [&](ImageSource& source) {
    return distance.to(measure_cached(source, *context.network, false, kReferenceBatch).statistics);
  };
  const auto test = flags.reference == "train" ? find_test_split(job, count) : nullptr;
  if (test != nullptr) {
    bounds.floor = to(*test);
    bounds.floor_name = test->info().name + ", " + std::to_string(test->info().images) + " images";
  }
  NoiseImages noise(reference.source->info(), std::min(count, reference.source->info().images));
  bounds.ceiling = to(noise);
  return bounds;
}

ImageSet scored_set(const EvalJob& job, const EvalContext& context) {
  const auto& files = context.files;
  if (files == nullptr)
    return {.name = job.checkpoint.string(), .images = job.count, .labels = job.labels};
  return {.name = files->info().name, .images = files->info().images, .labels = files->labels()};
}

ImageSet reference_set(const Reference& reference) {
  if (reference.source == nullptr) return {.name = reference.name};
  return {.name = reference.name,
          .images = reference.source->info().images,
          .labels = reference.source->labels()};
}

/// Refuses metrics that cannot be had, or with `--all` leaves them out.
void settle_metrics(const EvalFlags& flags, const std::vector<Obstacle>& obstacles,
                    EvaluationOptions& options) {
  for (const auto& obstacle : obstacles) {
    if (!flags.all) throw DataError(obstacle.reason);
    if (!(options.metrics.*obstacle.metric)) continue;  // left out for another reason already
    options.metrics.*obstacle.metric = false;
    log_info("left out: " + obstacle.reason);
  }
}

/// Opens the images and checks what the metrics need of them.
void open_images(const EvalJob& job, const EvalFlags& flags, EvalContext& context) {
  auto& metrics = context.options.metrics;
  if (metrics.bits_per_dim) {
    context.bits_images = open_bits_images(job, flags.bits.images);
    const auto reason = bits_obstacle(*job.pipeline, context.bits_images->info());
    if (!reason.empty())
      settle_metrics(flags, {{&MetricSelection::bits_per_dim, reason}}, context.options);
  }
  if (!metrics.needs_images()) return;
  if (metrics.needs_reference()) context.reference = open_reference(job, flags);
  std::vector<Obstacle> obstacles;
  if (!flags.images.empty()) {
    auto files = open_files(job, flags, context.reference);
    context.files = std::move(files.images);
    if (!files.strange_class.empty()) {
      const auto reason = context.files->info().name + ": the class '" + files.strange_class +
                          "' is none of those to compare with";
      for (const auto metric : {&MetricSelection::class_agreement, &MetricSelection::per_class})
        if (metrics.*metric) obstacles.push_back({metric, reason});
    }
  }
  const auto more =
      find_obstacles(context.options, scored_set(job, context), reference_set(context.reference));
  obstacles.insert(obstacles.end(), more.begin(), more.end());
  settle_metrics(flags, obstacles, context.options);
}

/// Class agreement needs logits of the classes that were asked for.
void choose_judge(const EvalJob& job, const EvalFlags& flags, EvalContext& context) {
  auto& agreement = context.options.metrics.class_agreement;
  if (!agreement || context.network->name() == "classifier") return;
  if (job.data) {
    context.judge = data_classifier(*job.data, job.device);
  } else if (flags.all) {
    agreement = false;
    log_info("left out: class agreement needs data to train a classifier on");
  } else {
    throw UserError("--class-agreement: give --features classifier:CHECKPOINT");
  }
}

/// Inception takes images of any size, which other tools compare without a word.
void check_sizes(const SourceInfo& scored, const Reference& reference,
                 const FeatureNetwork& network) {
  if (reference.source == nullptr) return;
  const auto& other = reference.source->info();
  if (scored.height == other.height && scored.width == other.width) return;
  const auto size = [](const SourceInfo& info) {
    return std::to_string(info.height) + "x" + std::to_string(info.width);
  };
  const auto text = scored.name + ": has images of " + size(scored) + ", expected " + size(other) +
                    " as of " + reference.name;
  if (network.name() != "inception") throw DataError(text);
  log_warning(text + "; the distance is also of their sizes");
}

std::string identity_of(const EvalJob& job, const EvalFlags& flags, const EvalContext& context) {
  Sha256 hash;
  const auto add = [&](const std::string& text) { hash.update(text + "\n"); };
  add(std::string(to_name(context.precision)) + " " + job.device.str());
  if (context.network) add(network_identity(*context.network));
  if (context.judge) add(network_identity(*context.judge));
  if (context.bits_images) add(context.bits_images->identity());
  if (context.reference.source) add(context.reference.source->identity());
  const auto& statistics = context.reference.measured.statistics;
  for (const auto& tensor : {statistics.mean, statistics.covariance}) {
    if (!tensor.defined()) continue;
    const auto plain = tensor.contiguous();
    hash.update({static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()});
  }
  add(flags.no_bounds ? "no bounds" : "bounds");
  return hash.finish();
}

}  // namespace

EvalContext make_eval_context(const EvalJob& job, const EvalFlags& flags) {
  EvalContext context;
  context.options = job.options;
  context.precision = job.precision;
  open_images(job, flags, context);
  const auto& metrics = context.options.metrics;
  const bool draws = metrics.needs_images() && context.files == nullptr;
  if (draws && context.precision == Precision::kAuto) {
    context.precision =
        probe_sampling_precision(*job.pipeline, job.device, std::min(flags.batch_size, job.count));
  }
  if (metrics.needs_images()) {
    const auto scored = draws ? generated_info(job) : context.files->info();
    context.network = choose_features(flags.features, flags.resize, job.data, job.device);
    choose_judge(job, flags, context);
    if (metrics.needs_reference()) {
      check_sizes(scored, context.reference, *context.network);
      measure_reference(context, context.reference);
    }
    context.bounds = make_bounds(job, flags, context, scored.images);
  }
  context.identity = identity_of(job, flags, context);
  return context;
}

bool can_share_context(const EvalJob& made_for, const EvalJob& job) {
  const auto text = [](const EvalJob& of) {
    Config config;
    if (of.data) config.data = *of.data;
    return to_yaml(config) + (of.data ? "" : "no data") +
           (of.labels.empty() ? "no classes" : "classes");
  };
  return text(made_for) == text(job) && made_for.options.metrics == job.options.metrics;
}

void save_reference(const EvalContext& context, const EvalFlags& flags) {
  if (flags.save_stats.empty()) return;
  auto statistics = context.reference.measured.statistics;
  statistics.network = network_identity(*context.network);
  save_statistics(flags.save_stats, statistics);
  log_info("written: " + flags.save_stats);
  if (context.network->preprocessing() == "tf1")
    log_info(
        "pytorch-fid resizes in another way; for statistics to use with it, give "
        "--resize pytorch-fid");
}

}  // namespace ddpm
