#include "ddpm/cli/eval_run.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/cli/bits_run.h"
#include "ddpm/cli/eval_images.h"
#include "ddpm/cli/feature_choice.h"
#include "ddpm/eval/frechet.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

/// A reference's images through a network such as Inception at a few at a time is waste.
constexpr int64_t kReferenceBatch = 100;

Reference make_reference(const EvalJob& job, const EvalFlags& flags, FeatureNetwork& network) {
  Reference reference;
  reference.source = open_reference_images(job, flags);
  if (reference.source == nullptr) {
    reference.name = flags.reference;
    reference.measured.statistics = load_statistics(flags.reference);
    return reference;
  }
  reference.name = reference.source->info().name;
  const bool with_features = job.options.metrics.needs_reference_features();
  reference.measured = measure_cached(*reference.source, network, with_features, kReferenceBatch);
  return reference;
}

/// Of `count` images, as many as are scored.
DistanceBounds make_bounds(const EvalJob& job, const EvalFlags& flags, const Reference& reference,
                           FeatureNetwork& network, int64_t count) {
  DistanceBounds bounds;
  const bool wanted = job.options.metrics.frechet && !flags.no_bounds;
  if (!wanted || reference.source == nullptr) return bounds;
  const FrechetDistance distance(reference.measured.statistics);
  const auto to = [&](ImageSource& source) {
    return distance.to(measure_cached(source, network, false, kReferenceBatch).statistics);
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

/// Class agreement needs logits of the classes that were asked for.
bool needs_judge(const EvalJob& job, const FeatureNetwork& network) {
  return job.options.metrics.class_agreement && network.name() != "classifier";
}

/// Says what a person can mend before hours go into images.
void check_before_images(const EvalJob& job, const ImageSource& source,
                         const EvalContext& context) {
  const auto& metrics = job.options.metrics;
  const bool needs_classes = metrics.class_agreement || metrics.per_class || metrics.diversity;
  if (needs_classes && source.info().num_classes == 0)
    throw UserError(
        "--class-agreement, --per-class and --diversity need images with classes, which ",
        source.info().name, " has not");
  if (!metrics.needs_reference()) return;
  if (metrics.needs_reference_features() && !context.reference.measured.features.defined())
    throw UserError("--reference ", context.reference.name,
                    ": holds statistics only, which do for --fid and --fid-infinity alone");
  const auto* const reference = context.reference.source.get();
  const bool same_size =
      reference == nullptr || (source.info().height == reference->info().height &&
                               source.info().width == reference->info().width);
  if (!same_size && context.network->name() != "inception")
    throw DataError(source.info().name, ": has images of ", source.info().height, "x",
                    source.info().width, ", expected ", reference->info().height, "x",
                    reference->info().width, " as of ", context.reference.name);
  const auto& statistics = context.reference.measured.statistics;
  if (statistics.dimensions() != context.network->dimensions())
    throw DataError(context.reference.name, ": has statistics of ", statistics.dimensions(),
                    " dimensions, expected ", context.network->dimensions(), " of the network ",
                    context.network->name());
}

OutputInfo output_info(const EvalJob& job, const EvalFlags& flags, const Json& described) {
  OutputInfo info;
  info.common = {{"Software", "ddpm"}};
  for (const char* key : {"checkpoint", "sampler", "steps", "guidance"}) {
    const auto& value = described.at(key);
    info.common.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  info.first_seed = flags.seed;
  info.labels = job.labels;
  info.class_names = job.pipeline->model.class_names;
  info.columns = 16;
  return info;
}

Json describe_network(const FeatureNetwork& network) {
  Json object{
      {"name", network.name()}, {"dimensions", network.dimensions()}, {"hash", network.hash()}};
  if (!network.preprocessing().empty()) object["resize"] = network.preprocessing();
  return object;
}

ImageFeatures score_images(ImageSource& source, const EvalJob& job, const EvalFlags& flags,
                           const EvalContext& context, const Json& described) {
  PassOptions pass;
  pass.batch_size = flags.batch_size;
  pass.keep = keep_for(job.options.metrics);
  pass.judge = context.judge.get();
  if (flags.save_images.empty()) {
    const auto what = "kept " + std::to_string(pass.keep.features) +
                      std::to_string(pass.keep.logits) + std::to_string(pass.keep.images) +
                      (pass.judge == nullptr ? "" : network_identity(*pass.judge));
    pass.partial = partial_file(source, *context.network, what);
    return measure_features(source, *context.network, pass);
  }
  OutputWriter writer(flags.save_images, output_info(job, flags, described));
  pass.on_batch = [&](const SourceBatch& batch) {
    writer.add(batch.images.to(torch::kFloat32) * (2.0 / 255.0) - 1.0);
  };
  auto measured = measure_features(source, *context.network, pass);
  writer.finish();
  return measured;
}

Image read_image(ImageSource& source, int64_t number, int64_t channels) {
  const auto pixels = source.read(number, 1).images;
  const ImageSize size{pixels.size(2), pixels.size(3), pixels.size(1)};
  return convert_channels(from_chw(pixels.data_ptr<uint8_t>(), size), channels);
}

/// Two images a column.
Image draw_pairs(ImageSource& source, ImageSource& reference, const Json& closest) {
  const int64_t channels = std::max(source.info().channels, reference.info().channels);
  std::vector<Image> ours;
  std::vector<Image> theirs;
  for (const auto& pair : closest) {
    ours.push_back(read_image(source, pair.at("image").get<int64_t>(), channels));
    const auto nearest = read_image(reference, pair.at("reference").get<int64_t>(), channels);
    theirs.push_back(resize_and_crop(nearest, ours.back().height, ours.back().width));
  }
  const auto columns = static_cast<int64_t>(ours.size());
  ours.insert(ours.end(), theirs.begin(), theirs.end());
  return tile_images(ours, columns);
}

}  // namespace

EvalContext make_eval_context(const EvalJob& job, const EvalFlags& flags) {
  EvalContext context;
  if (!job.options.metrics.needs_images()) return context;
  context.network = choose_features(flags.features, flags.resize, job.data, job.device);
  if (needs_judge(job, *context.network)) {
    if (!job.data) throw UserError("--class-agreement: give --features classifier:CHECKPOINT");
    context.judge = data_classifier(*job.data, job.device);
  }
  if (!flags.images.empty()) context.files = open_scored_images(job, flags);
  if (!job.options.metrics.needs_reference()) return context;
  context.reference = make_reference(job, flags, *context.network);
  if (!flags.save_stats.empty()) {
    save_statistics(flags.save_stats, context.reference.measured.statistics);
  }
  const auto count = context.files ? context.files->info().images : job.count;
  context.bounds = make_bounds(job, flags, context.reference, *context.network, count);
  return context;
}

EvalResult run_evaluation(const EvalJob& job, const EvalFlags& flags, const EvalContext& context) {
  EvalResult result;
  if (job.options.metrics.needs_images()) {
    const auto source = context.files ? context.files : open_scored_images(job, flags);
    check_before_images(job, *source, context);
    const auto described = describe_images(job, flags, *source);
    const auto measured = score_images(*source, job, flags, context, described);
    result.metrics =
        evaluate(measured, context.reference, *context.network, context.bounds, job.options);
    result.settings["images"] = described;
    if (job.options.metrics.needs_reference()) {
      result.settings["reference"] = {{"name", context.reference.name},
                                      {"n", context.reference.measured.statistics.count}};
    }
    result.settings["features"] = describe_network(*context.network);
    for (const auto& metric : result.metrics)
      if (metric.key == "near_copies")
        result.closest_pairs =
            draw_pairs(*source, *context.reference.source, metric.details.at("closest"));
    if (context.judge) result.settings["judge"] = describe_network(*context.judge);
  }
  if (job.options.metrics.bits_per_dim) result.metrics.push_back(measure_bits(job, flags));
  return result;
}

}  // namespace ddpm
