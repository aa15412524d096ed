#include "ddpm/eval/bits_per_dim.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>

#include <torch/types.h>

#include "ddpm/config/names.h"
#include "ddpm/eval/variational_terms.h"
#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

/// Parameters that want no gradients, so that a backward pass to x leaves theirs out.
class FrozenParameters {
 public:
  explicit FrozenParameters(const torch::nn::Module& net) {
    for (const auto& parameter : net.parameters()) {
      if (!parameter.requires_grad()) continue;
      parameters_.push_back(parameter);
      parameters_.back().requires_grad_(false);
    }
  }
  ~FrozenParameters() {
    for (auto& parameter : parameters_)
      parameter.requires_grad_(true);
  }
  FrozenParameters(const FrozenParameters&) = delete;
  FrozenParameters& operator=(const FrozenParameters&) = delete;

 private:
  std::vector<torch::Tensor> parameters_;
};

/// One batch of the images: its pixels 0 ... 255, [N, C, H, W] float64 on the CPU, and the random
/// numbers of its images.
struct ImageBatch {
  torch::Tensor pixels;
  Conditioning conditioning;  // on the CPU
  uint64_t first_seed = 0;

  int64_t images() const { return pixels.size(0); }

  /// One key an image, whose index is `index` of i.
  template <typename Index>
  std::vector<RandomKey> keys(RandomPurpose purpose, const Index& index) const {
    std::vector<RandomKey> all;
    for (int64_t i = 0; i < images(); ++i)
      all.push_back(
          {first_seed + static_cast<uint64_t>(i), purpose, static_cast<uint64_t>(index(i))});
    return all;
  }

  /// [N, C, H, W] float64, image i from its own key.
  torch::Tensor normal(const std::vector<RandomKey>& keys) const {
    auto values = torch::empty(pixels.sizes(), torch::kFloat32);
    fill_normal_rows(keys, {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
    return values.to(torch::kFloat64);
  }
  /// The same, evenly in [-reach, reach).
  torch::Tensor uniform(const std::vector<RandomKey>& keys, float reach) const {
    auto values = torch::empty(pixels.sizes(), torch::kFloat32);
    fill_uniform_rows(keys, -reach, reach,
                      {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
    return values.to(torch::kFloat64);
  }
};

/// What all batches have in common.
struct BitsPass {
  const Process& process;
  const Network& network;
  const BitsPerDimOptions& options;
  torch::Device device;
  std::function<void(double share_of_batch)> progress = {};
};

torch::Tensor to_pixels(const torch::Tensor& images) {
  if (images.scalar_type() == torch::kUInt8) return images.to(torch::kFloat64);
  return ((images.to(torch::kFloat64) + 1) * 127.5).round().clamp(0, 255);
}

ImageBatch batch_at(const LikelihoodData& data, int64_t first, const Signature& signature,
                    const BitsPerDimOptions& options) {
  const int64_t count = std::min(options.batch_size, data.images.size(0) - first);
  ImageBatch batch{.pixels = to_pixels(data.images.narrow(0, first, count)),
                   .conditioning = {},
                   .first_seed = options.seed + static_cast<uint64_t>(first)};
  if (signature.classes == 0) return batch;
  batch.conditioning.labels = data.labels.defined()
                                  ? data.labels.narrow(0, first, count)
                                  : torch::full({count}, *signature.null_label, torch::kInt64);
  return batch;
}

BoundNoise noise_of(const ImageBatch& batch, torch::Device device) {
  return {.normal =
              [&batch, device](const torch::Tensor& steps) {
                const auto* const step = steps.data_ptr<int64_t>();
                const auto keys =
                    batch.keys(RandomPurpose::kBoundNoise, [&](int64_t i) { return step[i]; });
                return batch.normal(keys).to(device);
              },
          .uniform =
              [&batch](int64_t part) {
                std::vector<double> units;
                for (int64_t i = 0; i < batch.images(); ++i) {
                  units.push_back(
                      random_uniform({batch.first_seed + static_cast<uint64_t>(i),
                                      RandomPurpose::kBoundStep, static_cast<uint64_t>(part)}));
                }
                return units;
              }};
}

std::vector<double> to_list(const torch::Tensor& values) {
  const auto flat = values.to(torch::kCPU, torch::kFloat64).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

void append(std::vector<double>& list, const torch::Tensor& values) {
  const auto more = to_list(values);
  list.insert(list.end(), more.begin(), more.end());
}

void note(std::vector<BoundRow>& table, const BoundTerm& term) {
  const auto bits = to_list(term.bits);
  for (size_t i = 0; i < bits.size(); ++i) {
    auto& row = table[static_cast<size_t>(term.steps.data_ptr<int64_t>()[i])];
    ++row.images;
    row.sum += bits[i];
    row.sum_squares += bits[i] * bits[i];
  }
}

void add_bound(const BitsPass& at, const VariationalBound& bound, const ImageBatch& batch,
               BitsPerDim& result) {
  const auto x0 = (batch.pixels / 127.5 - 1).to(at.device);
  const auto denoise =
      make_batch_denoiser(at.process, at.network, batch.conditioning.to(at.device));
  auto table = result.table;
  auto steps = torch::zeros({batch.images()}, torch::kFloat64);
  torch::Tensor decoder;
  double done = 0.0;
  variational_terms(at.process, bound, denoise, x0, noise_of(batch, at.device),
                    {.variance = at.options.variance,
                     .clip_denoised = at.options.clip_denoised,
                     .draws = at.options.draws},
                    [&](const BoundTerm& term) {
                      note(table, term);
                      if (decoder.defined()) {
                        steps += term.weight * term.bits;
                      } else {
                        decoder = term.bits;
                      }
                      done += term.weight;
                      at.progress(done / static_cast<double>(bound.steps()));
                    });
  const auto prior = bound.prior_term(x0).to(torch::kCPU);
  append(result.prior, prior);
  append(result.steps, steps);
  append(result.decoder, decoder);
  append(result.bits, prior + steps + decoder);
  result.table = std::move(table);
}

torch::Tensor signs_of(const torch::Tensor& values) {
  return torch::where(values < 0, -1.0, 1.0).to(values.scalar_type());
}

/// The probes of a repeat, [P, N, C, H, W].
torch::Tensor draw_probes(const ImageBatch& batch, const BitsPerDimOptions& options,
                          int64_t repeat) {
  std::vector<torch::Tensor> probes;
  for (int64_t p = 0; p < options.probes; ++p) {
    const auto keys = batch.keys(RandomPurpose::kTraceProbe,
                                 [&](int64_t) { return repeat * options.probes + p; });
    probes.push_back(options.trace == Trace::kGaussian ? batch.normal(keys)
                                                       : signs_of(batch.uniform(keys, 1.0F)));
  }
  return torch::stack(probes);
}

/// The pixels, each spread evenly over the bin around it, in [-1, 1] but for the outer half bins.
torch::Tensor dequantised(const ImageBatch& batch, int64_t repeat) {
  const auto keys = batch.keys(RandomPurpose::kDequantisation, [&](int64_t) { return repeat; });
  const auto within = batch.uniform(keys, 0.5F);
  return (batch.pixels + within) / 127.5 - 1;
}

void add_ode(const BitsPass& at, const ImageBatch& batch, BitsPerDim& result) {
  const auto& options = at.options;
  const ProbabilityFlow flow(at.process, options.lowest);
  const auto denoise =
      make_batch_denoiser(at.process, at.network, batch.conditioning.to(at.device));
  const auto dimensions = static_cast<double>(batch.pixels.numel() / batch.images());
  const auto repeats = static_cast<double>(options.repeats);
  auto bits = torch::zeros({batch.images()}, torch::kFloat64);
  std::vector<double> calls(static_cast<size_t>(batch.images()), 0.0);
  for (int64_t repeat = 0; repeat < options.repeats; ++repeat) {
    torch::Tensor probes;
    if (options.trace != Trace::kExact) probes = draw_probes(batch, options, repeat).to(at.device);
    const auto x0 = dequantised(batch, repeat).to(at.device);
    const auto found = flow_log_density(
        flow, at.process, denoise, x0, probes, options.trace, options.ode,
        [&](double done) { at.progress((static_cast<double>(repeat) + done) / repeats); });
    bits -= found.log_density.to(torch::kCPU) / (dimensions * std::numbers::ln2 * repeats);
    for (size_t i = 0; i < calls.size(); ++i)
      calls[i] += static_cast<double>(found.calls[i]) / repeats;
  }
  append(result.bits, bits + std::log2(127.5));
  result.calls.insert(result.calls.end(), calls.begin(), calls.end());
}

void check_options(const Process& process, const BitsPerDimOptions& options) {
  const auto at_least_one = [](std::string_view what, int64_t value) {
    if (value < 1)
      throw UserError("bits per dimension: ", what, " must be at least 1, got ", value);
  };
  at_least_one("the batch size", options.batch_size);
  if (options.method == LikelihoodMethod::kOde) {
    at_least_one("the number of probes", options.probes);
    at_least_one("the number of repeats", options.repeats);
    at_least_one("the number of steps", options.ode.steps);
    if (!(options.ode.rtol > 0 && options.ode.atol > 0))
      throw UserError("bits per dimension: the tolerances must be above 0");
    if (options.lowest < 0 || options.lowest >= process.max_ratio())
      throw UserError("bits per dimension: the path must begin at a noise level from 0 to below ",
                      process.max_ratio(), ", got ", options.lowest);
    return;
  }
  if (process.chain() == nullptr) {
    throw UserError("the variational bound needs a chain of timesteps, which the process ",
                    to_name(process.config().process),
                    " does not have; expected the ODE's likelihood");
  }
  const int64_t timesteps = process.chain()->size();
  if (options.steps < 0 || options.steps > timesteps) {
    throw UserError("the bound's steps must be between 1 and the model's ", timesteps,
                    " timesteps, or 0 for all, got ", options.steps);
  }
}

void check_data(const Signature& model, const LikelihoodData& data) {
  const auto& images = data.images;
  if (images.dim() != 4 || images.size(1) != model.data_channels ||
      (!model.sample_size.empty() &&
       (images.size(2) != model.sample_size[0] || images.size(3) != model.sample_size[1]))) {
    throw DataError("images of shape ", images.sizes(), " do not fit the model, which has ",
                    model.data_channels, " channels");
  }
  if (model.classes == 0) return;
  if (!data.labels.defined() && !model.null_label) {
    throw DataError("the model is told classes and was trained without label dropout, so the ",
                    "images need labels");
  }
  if (!data.labels.defined()) return;
  const int64_t labels = model.labels();
  if (data.labels.size(0) != images.size(0) ||
      (images.size(0) > 0 &&
       (data.labels.min().item<int64_t>() < 0 || data.labels.max().item<int64_t>() >= labels))) {
    throw DataError("expected one label below ", labels, " for each of ", images.size(0),
                    " images");
  }
}

VariationalBound make_bound(const Process& process, const BitsPerDimOptions& options,
                            torch::Device device) {
  const auto& chain = *process.chain();
  return VariationalBound(chain, torch::device(device).dtype(torch::kFloat64),
                          bound_timesteps(chain.size(), options.steps));
}

std::vector<BoundRow> empty_table(const VariationalBound& bound) {
  std::vector<BoundRow> table;
  for (const int64_t timestep : bound.timesteps())
    table.push_back({.timestep = timestep});
  return table;
}

}  // namespace

MeanAndError mean_and_error(const std::vector<double>& values) {
  if (values.empty()) return {};
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  if (values.size() < 2) return {.mean = mean};
  double squares = 0.0;
  for (const double value : values)
    squares += (value - mean) * (value - mean);
  return {.mean = mean, .error = std::sqrt(squares / (count - 1) / count)};
}

double BitsPerDim::mean() const {
  return mean_and_error(bits).mean;
}

double BitsPerDim::standard_error() const {
  return mean_and_error(bits).error;
}

void measure_bits_per_dim(Network network, const DiffusionConfig& diffusion,
                          const LikelihoodData& data, const BitsPerDimOptions& options,
                          torch::Device device, BitsPerDim& result,
                          const LikelihoodProgress& progress) {
  const auto process = make_process(diffusion);
  check_options(*process, options);
  check_data(network->signature(), data);
  const FrozenParameters frozen(*network);
  network->eval();
  const auto images = static_cast<double>(data.images.size(0));
  BitsPass at{.process = *process, .network = network, .options = options, .device = device};
  std::optional<VariationalBound> bound;
  if (options.method == LikelihoodMethod::kBound) {
    bound.emplace(make_bound(*process, options, device));
    if (result.table.empty()) result.table = empty_table(*bound);
  }
  while (static_cast<int64_t>(result.bits.size()) < data.images.size(0)) {
    const auto batch =
        batch_at(data, static_cast<int64_t>(result.bits.size()), network->signature(), options);
    const auto before = static_cast<double>(result.bits.size());
    const auto size = static_cast<double>(batch.images());
    at.progress = [&](double share) { progress((before + share * size) / images); };
    if (bound) {
      add_bound(at, *bound, batch, result);
    } else {
      add_ode(at, batch, result);
    }
  }
}

}  // namespace ddpm
