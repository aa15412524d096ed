#include "ddpm/cli/eval_run.h"

#include <algorithm>
#include <string>
#include <utility>

#include <torch/types.h>

#include "ddpm/cli/bits_run.h"
#include "ddpm/cli/eval_images.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/stop.h"

namespace ddpm {
namespace {

using Json = nlohmann::ordered_json;

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

/// What a partial file holds: enough to tell it from those of other metrics.
std::string kept_text(const PassOptions& pass) {
  std::string text =
      "kept " + std::to_string(pass.keep.features) + std::to_string(pass.keep.logits) + " images";
  for (const int64_t number : pass.keep.images)
    text += " " + std::to_string(number);
  return text + (pass.judge == nullptr ? "" : network_identity(*pass.judge));
}

ImageFeatures score_images(ImageSource& source, const EvalJob& job, const EvalFlags& flags,
                           const EvalContext& context, EvalResult& result) {
  const auto& metrics = context.metrics;
  PassOptions pass;
  pass.batch_size = flags.batch_size;
  pass.keep = keep_for(options_for(job, context.metrics), source.labels());
  pass.judge = context.judge.get();
  if (!flags.save_images.empty()) {
    result.images = std::make_shared<OutputWriter>(
        flags.save_images, output_info(job, flags, result.settings.at("images")));
    pass.on_batch = [&](const SourceBatch& batch) {
      result.images->add(batch.images.to(torch::kFloat32) * (2.0 / 255.0) - 1.0);
    };
    return measure_features(source, *context.network, pass);
  }
  pass.partial = partial_file(source, *context.network, kept_text(pass));
  pass.leave_partial = metrics.bits_per_dim || metrics.neighbours;
  if (pass.leave_partial && !pass.partial.empty()) result.partials.push_back(pass.partial);
  return measure_features(source, *context.network, pass);
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

void score(const EvalJob& job, const EvalFlags& flags, const EvalContext& context,
           EvalResult& result) {
  const auto source =
      context.files ? context.files : generated_images(job, flags, context.precision);
  result.settings["images"] = describe_images(job, flags, *source, context.precision);
  const auto measured = score_images(*source, job, flags, context, result);
  result.metrics = evaluate(measured, context.reference, *context.network, context.bounds,
                            options_for(job, context.metrics));
  if (context.metrics.needs_reference())
    result.settings["reference"] = {{"name", context.reference.name},
                                    {"n", context.reference.measured.statistics.count}};
  result.settings["features"] = describe_network(*context.network);
  if (context.judge) result.settings["judge"] = describe_network(*context.judge);
  for (const auto& metric : result.metrics)
    if (metric.key == "near_copies")
      result.closest_pairs =
          draw_pairs(*source, *context.reference.source, metric.details.at("closest"));
}

}  // namespace

EvalResult run_evaluation(const EvalJob& job, const EvalFlags& flags, const EvalContext& context) {
  EvalResult result;
  try {
    if (context.metrics.needs_images()) score(job, flags, context, result);
    if (context.metrics.bits_per_dim)
      result.metrics.push_back(measure_bits(job, flags, *context.bits_images));
  } catch (StopRequested& stop) {
    if (result.images && result.images->count() > 0) {
      result.images->finish();
      stop.progress += ", images are in " + flags.save_images;
      stop.goes_on = false;
    }
    throw;
  } catch (...) {
    if (result.images) result.images->finish();
    throw;
  }
  return result;
}

void forget_partials(const EvalResult& result) {
  std::error_code ignored;
  for (const auto& partial : result.partials)
    std::filesystem::remove(partial, ignored);
}

}  // namespace ddpm
