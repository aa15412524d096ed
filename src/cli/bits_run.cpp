#include "ddpm/cli/bits_run.h"

#include <chrono>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/cli/eval_images.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/config/names.h"
#include "ddpm/eval/bits_per_dim.h"
#include "ddpm/eval/cache.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/sha256.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

std::shared_ptr<ImageSource> open_test_images(const EvalJob& job, int64_t count) {
  if (!job.data)
    throw UserError(
        "--bpd: the checkpoint does not say what it was trained on; give --data.name "
        "and --data.root");
  if (auto test = find_test_split(job, count)) return test;
  log_warning("there is no test split, so bits per dimension are those of training images");
  return open_split(job, "train", count);
}

BitsPerDimOptions options_of(const EvalJob& job, const EvalFlags& flags) {
  const bool chain = job.pipeline->diffusion.process == ProcessType::kDiscrete;
  BitsPerDimOptions options;
  const bool bound = flags.bits.method == "bound" || (flags.bits.method == "auto" && chain);
  options.method = bound ? LikelihoodMethod::kBound : LikelihoodMethod::kOde;
  options.batch_size = flags.batch_size;
  options.seed = flags.seed;
  options.draws = flags.bits.draws;
  options.variance = job.pipeline->sample.variance_type;
  return options;
}

Json to_json(const BitsPerDim& bits) {
  Json table = Json::array();
  for (const auto& row : bits.table)
    table.push_back({row.timestep, row.images, row.sum, row.sum_squares});
  return {{"bits", bits.bits},       {"prior", bits.prior}, {"steps", bits.steps},
          {"decoder", bits.decoder}, {"calls", bits.calls}, {"table", table}};
}

BitsPerDim from_json(const Json& object) {
  BitsPerDim bits;
  object.at("bits").get_to(bits.bits);
  object.at("prior").get_to(bits.prior);
  object.at("steps").get_to(bits.steps);
  object.at("decoder").get_to(bits.decoder);
  object.at("calls").get_to(bits.calls);
  for (const auto& row : object.at("table"))
    bits.table.push_back({.timestep = row.at(0).get<int64_t>(),
                          .images = row.at(1).get<int64_t>(),
                          .sum = row.at(2).get<double>(),
                          .sum_squares = row.at(3).get<double>()});
  return bits;
}

/// What an interrupted measurement left; nothing if it left none.
BitsPerDim load_partial(const fs::path& path) {
  if (!fs::exists(path)) return {};
  try {
    auto bits = from_json(Json::parse(read_file(path)));
    log_info("bits per dimension: going on after " + std::to_string(bits.bits.size()) + " images");
    return bits;
  } catch (const Json::exception& error) {
    log_warning(path.string() + ": damaged (" + error.what() + "); starting anew");
    return {};
  }
}

fs::path partial_path(const EvalJob& job, const BitsPerDimOptions& options, ImageSource& source) {
  Json key{job.weights_hash,
           source.identity(),
           options.seed,
           options.draws,
           options.steps,
           to_name(options.variance),
           static_cast<int>(options.method)};
  return cache_file("partial", sha256(key.dump()).substr(0, 32) + ".json");
}

Json mean_json(const std::vector<double>& values) {
  const auto mean = mean_and_error(values);
  return {{"value", mean.mean}, {"error", mean.error}};
}

MetricValue describe(const BitsPerDim& bits, const BitsPerDimOptions& options,
                     const ImageSource& source) {
  const bool bound = options.method == LikelihoodMethod::kBound;
  const auto& info = source.info();
  MetricValue metric{.key = "bpd",
                     .title = std::string("bits/dim, ") + (bound ? "variational bound" : "ODE"),
                     .value = bits.mean()};
  metric.details = {{"error", bits.standard_error()},
                    {"method", bound ? "bound" : "ode"},
                    {"images", info.name},
                    {"n", info.images},
                    {"dimensions", info.channels * info.height * info.width}};
  metric.note = "+- " + format_number(std::round(1e4 * bits.standard_error()) / 1e4) + ", " +
                std::to_string(info.images) + " images of " + info.name;
  if (!bound) {
    metric.details["network_calls"] = mean_and_error(bits.calls).mean;
    return metric;
  }
  metric.details["prior"] = mean_json(bits.prior);
  metric.details["steps"] = mean_json(bits.steps);
  metric.details["decoder"] = mean_json(bits.decoder);
  metric.details["draws"] = options.draws;
  metric.details["variance"] = to_name(options.variance);
  return metric;
}

/// The model's call with a progress line.
void measure(const EvalJob& job, const BitsPerDimOptions& options, const LikelihoodData& data,
             BitsPerDim& bits) {
  const auto start = Clock::now();
  ProgressLine line;
  std::optional<double> first;
  const auto progress = [&](double done) {
    throw_if_stopped();
    if (!first) first = done;
    if (!line.due() || done <= *first) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    line.show("bits per dimension: " + std::to_string(static_cast<int>(100 * done)) + " %  " +
              format_duration(seconds * (1 - done) / (done - *first)) + " left");
  };
  measure_bits_per_dim(make_unet(*job.pipeline, job.device, Precision::kFloat32),
                       job.pipeline->diffusion, data, options, job.device, bits, progress);
}

}  // namespace

MetricValue measure_bits(const EvalJob& job, const EvalFlags& flags) {
  const auto source = open_test_images(job, flags.bits.images);
  const auto options = options_of(job, flags);
  const int64_t images = source->info().images;
  const auto batch = source->read(0, images);
  LikelihoodData data{.images = batch.images, .labels = {}};
  if (!job.labels.empty()) data.labels = torch::tensor(batch.labels, torch::kInt64);
  const auto partial = partial_path(job, options, *source);
  BitsPerDim bits = load_partial(partial);
  try {
    measure(job, options, data, bits);
  } catch (StopRequested& stop) {
    if (!bits.bits.empty()) write_file_atomic(partial, to_json(bits).dump());
    stop.progress = "bits per dimension: " + std::to_string(bits.bits.size()) + " of " +
                    std::to_string(images) + " images done";
    throw;
  }
  std::error_code ignored;
  fs::remove(partial, ignored);
  return describe(bits, options, *source);
}

}  // namespace ddpm
