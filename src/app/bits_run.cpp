#include "ddpm/app/bits_run.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/app/eval_images.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/config/identity.h"
#include "ddpm/config/names.h"
#include "ddpm/eval/bits_per_dim.h"
#include "ddpm/eval/cache.h"
#include "ddpm/eval/flow_likelihood.h"
#include "ddpm/eval/reference.h"
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

/// Parts of the chain whose bits are told.
constexpr int64_t kChainParts = 10;

Json to_json(const BitsPerDim& bits) {
  Json table = Json::array();
  for (const auto& row : bits.table)
    table.push_back({row.timestep, row.images, row.sum, row.sum_squares});
  return {{"bits", bits.bits},       {"prior", bits.prior}, {"steps", bits.steps},
          {"decoder", bits.decoder}, {"calls", bits.calls}, {"table", table}};
}

/// What a measurement of so many images is about.
struct Extent {
  int64_t images = 0;
  int64_t timesteps = 0;  // of the bound; 0 for the ODE
};

/// What `to_json` wrote of such a measurement, or of a part of it; nothing if it is none. May throw
/// errors of JSON.
std::optional<BitsPerDim> from_json(const Json& object, const Extent& extent) {
  BitsPerDim bits;
  object.at("bits").get_to(bits.bits);
  object.at("prior").get_to(bits.prior);
  object.at("steps").get_to(bits.steps);
  object.at("decoder").get_to(bits.decoder);
  object.at("calls").get_to(bits.calls);
  const size_t done = bits.bits.size();
  for (const auto& row : object.at("table")) {
    const auto& timestep = row.at(0);
    const auto& images = row.at(1);
    const bool counts = timestep == bits.table.size() && images.is_number_integer() &&
                        images >= 0 && images <= done;
    if (!counts) return std::nullopt;
    bits.table.push_back({.timestep = timestep.get<int64_t>(),
                          .images = images.get<int64_t>(),
                          .sum = row.at(2).get<double>(),
                          .sum_squares = row.at(3).get<double>()});
  }
  const size_t of_bound = extent.timesteps > 0 ? done : 0;
  const bool fits = done <= static_cast<size_t>(extent.images) && bits.prior.size() == of_bound &&
                    bits.steps.size() == of_bound && bits.decoder.size() == of_bound &&
                    bits.calls.size() == done - of_bound &&
                    bits.table.size() == static_cast<size_t>(extent.timesteps);
  return fits ? std::optional(bits) : std::nullopt;
}

/// What an interrupted measurement left; nothing if it left none.
BitsPerDim load_partial(const fs::path& path, const Extent& extent) {
  std::error_code none;
  if (!fs::exists(path, none)) return {};
  try {
    if (const auto bits = from_json(load_ordered_json(path), extent)) {
      log_info("bits per dimension: going on after " + std::to_string(bits->bits.size()) +
               " images");
      return *bits;
    }
    log_warning(path.string() + ": damaged, its numbers do not fit together; starting anew");
  } catch (const Json::exception& error) {
    log_warning(path.string() + ": damaged (" + error.what() + "); starting anew");
  } catch (const UserError& error) {
    log_warning(std::string(error.what()) + "; starting anew");
  }
  return {};
}

fs::path partial_path(const EvalPlan& plan, ImageSource& source) {
  const auto& options = plan.bits;
  Config config;
  config.diffusion = plan.model->pipeline.diffusion;
  Json key{plan.model->weights_hash,
           identity_of(config, {"diffusion"}),
           plan.device.str(),
           source.identity(),
           options.seed,
           options.draws,
           options.steps,
           to_name(options.variance),
           static_cast<int>(options.method),
           static_cast<int>(options.trace)};
  return partial_file(key.dump(), ".json");
}

Json mean_json(const std::vector<double>& values) {
  const auto mean = mean_and_error(values);
  return {{"value", mean.mean}, {"error", mean.error}};
}

/// Where the bits of the steps go: their sum over ten parts of the chain, from the clean end on.
Json chain_json(const std::vector<BoundRow>& table) {
  const auto rows = static_cast<int64_t>(table.size());
  const int64_t parts = std::min(kChainParts, rows - 1);
  Json chain = Json::array();
  for (int64_t part = 0; part < parts; ++part) {
    const auto at = [&](int64_t end) { return static_cast<size_t>(1 + end * (rows - 1) / parts); };
    double sum = 0.0;
    double drawn = 0.0;
    for (size_t row = at(part); row < at(part + 1); ++row) {
      sum += table[row].mean();
      drawn += table[row].images > 0 ? 1.0 : 0.0;
    }
    // Steps that no image has drawn count as the others of their part.
    const double share = drawn / static_cast<double>(at(part + 1) - at(part));
    chain.push_back({{"from", table[at(part)].timestep},
                     {"to", table[at(part + 1) - 1].timestep},
                     {"value", share > 0 ? Json(sum / share) : Json(nullptr)}});
  }
  return chain;
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
    metric.details["trace"] = options.trace == Trace::kExact ? "exact" : "rademacher";
    return metric;
  }
  metric.details["prior"] = mean_json(bits.prior);
  metric.details["steps"] = mean_json(bits.steps);
  metric.details["decoder"] = mean_json(bits.decoder);
  metric.details["by_timestep"] = chain_json(bits.table);
  metric.details["draws"] = options.draws;
  metric.details["variance"] = to_name(options.variance);
  return metric;
}

/// Measures with a progress line.
void measure(const EvalPlan& plan, const LikelihoodData& data, BitsPerDim& bits) {
  WorkProgress line(
      1.0, static_cast<double>(bits.bits.size()) / static_cast<double>(data.images.size(0)));
  const auto progress = [&](double done) {
    throw_if_stopped();
    line.at(done, [&] {
      return "bits per dimension: " + std::to_string(static_cast<int>(100 * done)) + " %";
    });
  };
  const auto& pipeline = plan.model->pipeline;
  measure_bits_per_dim(make_model(pipeline, plan.device, Precision::kFloat32), pipeline.diffusion,
                       data, plan.bits, plan.device, bits, progress);
}

}  // namespace

std::string bits_obstacle(const ModelFolder& pipeline, const SourceInfo& images) {
  const auto& model = pipeline.network.signature;
  const bool fit = images.channels == model.data_channels &&
                   images.height == model.sample_size[0] && images.width == model.sample_size[1];
  const auto shape = [](int64_t channels, int64_t height, int64_t width) {
    return std::to_string(channels) + "x" + std::to_string(height) + "x" + std::to_string(width);
  };
  if (!fit)
    return images.name + ": bits per dimension need images of " +
           shape(model.data_channels, model.sample_size[0], model.sample_size[1]) +
           " as the model has, got " + shape(images.channels, images.height, images.width);
  if (model.classes > 0 && !model.null_label && images.num_classes == 0)
    return images.name + ": bits per dimension of this model need images with classes";
  return "";
}

MetricValue measure_bits(const EvalPlan& plan, ImageSource& source) {
  const auto& pipeline = plan.model->pipeline;
  const int64_t images = source.info().images;
  const auto batch = source.read(0, images);
  LikelihoodData data{.images = batch.images, .labels = {}};
  if (pipeline.network.signature.classes > 0 && !batch.labels.empty())
    data.labels = torch::tensor(batch.labels, torch::kInt64);
  const auto partial = partial_path(plan, source);
  const bool bound = plan.bits.method == LikelihoodMethod::kBound;
  const int64_t timesteps = bound ? pipeline.diffusion.num_train_timesteps : 0;
  BitsPerDim bits = load_partial(partial, {.images = images, .timesteps = timesteps});
  const auto keep = [&] {
    return bits.bits.empty() ||
           keep_partial(partial, [&] { write_file_atomic(partial, to_json(bits).dump()); });
  };
  try {
    measure(plan, data, bits);
  } catch (StopRequested& stop) {
    stop.goes_on = keep();
    stop.progress = "bits per dimension: " + std::to_string(bits.bits.size()) + " of " +
                    std::to_string(images) + " images done";
    throw;
  } catch (const UserError&) {
    keep();
    throw;
  }
  std::error_code ignored;
  fs::remove(partial, ignored);
  if (!std::isfinite(bits.mean()))
    throw DivergedError(
        "bits per dimension are not finite: the network gives NaN or infinity on these images; "
        "take another checkpoint");
  return describe(bits, plan.bits, source);
}

}  // namespace ddpm
