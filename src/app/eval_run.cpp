#include "ddpm/app/eval_run.h"

#include <algorithm>
#include <string>
#include <utility>

#include <torch/types.h>

#include "ddpm/app/bits_run.h"
#include "ddpm/app/eval_images.h"
#include "ddpm/app/result_files.h"
#include "ddpm/data/image_tensors.h"
#include "ddpm/runtime/device.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"

namespace ddpm {
namespace {

using Json = nlohmann::ordered_json;

OutputInfo output_info(const EvalPlan& plan, const Json& described) {
  OutputInfo info;
  info.common = {{"Software", "ddpm"}};
  for (const char* key : {"checkpoint", "sampler", "steps", "guidance"}) {
    const auto& value = described.at(key);
    info.common.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  info.first_seed = plan.seed();
  info.labels = plan.labels;
  info.class_names = plan.model->pipeline.network.signature.class_names;
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
  return text + (pass.classifier == nullptr ? "" : network_identity(*pass.classifier));
}

ImageFeatures score_images(ImageSource& source, const EvalPlan& plan, const EvalContext& context,
                           EvalResult& result) {
  const auto& metrics = context.metrics;
  PassOptions pass;
  pass.batch_size = plan.batch_size;
  pass.keep = keep_for(options_for(plan, context.metrics), source.labels());
  pass.classifier = context.classifier.get();
  if (!plan.out.images.empty()) {
    result.images = std::make_shared<OutputWriter>(plan.out.images,
                                                   output_info(plan, result.settings.at("images")));
    pass.on_batch = [&](const SourceBatch& batch) { result.images->add(from_uint8(batch.images)); };
    return measure_features(source, *context.network, pass);
  }
  pass.partial = partial_file(source, *context.network, kept_text(pass));
  pass.leave_partial = metrics.has(Metric::kBitsPerDim) || metrics.has(Metric::kNeighbours);
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

void score_into(const EvalPlan& plan, const EvalContext& context, EvalResult& result) {
  const auto source = context.files ? context.files : generated_images(plan, context.precision);
  result.settings["images"] = describe_images(plan, *source, context.precision);
  const auto measured = score_images(*source, plan, context, result);
  result.metrics = evaluate(measured, context.reference, *context.network, context.bounds,
                            options_for(plan, context.metrics));
  if (context.metrics.needs_reference())
    result.settings["reference"] = {{"name", context.reference.name},
                                    {"n", context.reference.measured.statistics.count}};
  result.settings["features"] = describe_network(*context.network);
  if (context.classifier) result.settings["judge"] = describe_network(*context.classifier);
  for (const auto& metric : result.metrics)
    if (metric.key == "near_copies")
      result.closest_pairs =
          draw_pairs(*source, *context.reference.source, metric.details.at("closest"));
}

}  // namespace

EvalResult run_evaluation(const EvalPlan& plan, const EvalContext& context) {
  EvalResult result;
  try {
    if (context.metrics.needs_images()) score_into(plan, context, result);
    if (context.metrics.has(Metric::kBitsPerDim))
      result.metrics.push_back(measure_bits(plan, *context.bits_images));
  } catch (StopRequested& stop) {
    if (result.images && result.images->count() > 0) {
      result.images->finish();
      stop.progress += ", images are in " + plan.out.images.string();
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

EvalResult evaluate(const EvalRequest& request, const ShowResult& show) {
  const StopScope stop(request.runtime.stop);
  ModelCache models;
  const auto plan = plan_evaluation(request, models);
  const DeviceScope device(plan.device, plan.precision, plan.cudnn_autotune);
  const auto context = make_eval_context(plan);
  const auto result = run_evaluation(plan, context);
  if (show(result)) forget_partials(result);
  if (const auto path = result_file(plan); !path.empty()) {
    write_result(result, path);
    log_info("written: " + path.string());
  }
  save_reference(context, plan);
  if (result.images) result.images->finish();
  return result;
}

}  // namespace ddpm
