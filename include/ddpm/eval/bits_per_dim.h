#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/eval/flow_likelihood.h"
#include "ddpm/eval/ode.h"
#include "ddpm/model/network.h"

namespace ddpm {

enum class LikelihoodMethod {
  kBound,  // variational bound of the chain of timesteps; process discrete only
  kOde,    // probability-flow ODE; every process
};

struct BitsPerDimOptions {
  LikelihoodMethod method = LikelihoodMethod::kBound;
  int64_t batch_size = 64;
  uint64_t seed = 0;  // image i of the data draws from seed + i

  // Of the bound.
  int64_t steps = 0;  // of the chain; 0 for all timesteps
  int64_t draws = 0;  // steps drawn for each image besides step 0; 0 takes every step
  VarianceType variance = VarianceType::kFixedLarge;  // of networks that do not learn it
  bool clip_denoised = true;

  // Of the ODE.
  OdeOptions ode = {};  // its `rho` and `split` are set within
  Trace trace = Trace::kRademacher;
  int64_t probes = 1;   // of the trace, for each image and repeat
  int64_t repeats = 1;  // of dequantisation and trace, for each image
  double lowest = 0.0;  // noise to signal at which the path begins; 0 for the process's own
};

/// Images and their classes, all of which are evaluated.
struct LikelihoodData {
  torch::Tensor images;       // [N, C, H, W], uint8, or float in [-1, 1] that stands for 8 bits
  torch::Tensor labels = {};  // [N] int64, the true ones; undefined: no classes, or "no class"
};

/// One step of the chain over the images so far.
struct BoundRow {
  int64_t timestep = 0;
  int64_t images = 0;  // that have drawn it
  double sum = 0.0;    // of their terms, bits per dimension
  double sum_squares = 0.0;
  double mean() const { return images == 0 ? 0.0 : sum / static_cast<double>(images); }
};

/// What has been measured so far; `bits` [i] belongs to image i of the data. All bits are per
/// dimension (C H W), and of 8-bit images: 8 is what a file without compression takes.
struct BitsPerDim {
  std::vector<double> bits = {};

  // Of the bound, whose sum is `bits`.
  std::vector<double> prior = {};    // L_T: the noisiest timestep from pure noise
  std::vector<double> steps = {};    // L_1 + ... + L_{T-1}
  std::vector<double> decoder = {};  // L_0: pixels from the cleanest timestep
  std::vector<BoundRow> table = {};  // from timestep 0 upward

  // Of the ODE.
  std::vector<double> calls = {};  // of the network, the mean over repeats

  double mean() const;
  /// Of the mean, from the spread over images; 0 for fewer than two.
  double standard_error() const;
};

/// The mean of a list and its standard error, 0 for fewer than two numbers.
struct MeanAndError {
  double mean = 0.0;
  double error = 0.0;
};
MeanAndError mean_and_error(const std::vector<double>& values);

/// Called after each call of the network: share of all images that is done, in [0, 1]. May throw to
/// stop.
using LikelihoodProgress = std::function<void(double done)>;

/// Measures the bits per dimension of the images that are not in `result` yet, batch by batch; what
/// finished batches gave is in `result` even if something is thrown, so that the same call with it
/// goes on. `network` must be on `device`; the EMA weights in float32 are those to take.
///
/// `kBound`: the negative variational bound of Ho et al. (2020), with their discretised last step:
/// an upper bound of what lossless compression by the chain takes. Ignores guidance and clips x0 at
/// +-1 by default. In expectation over its noise the number is exact with `draws` 0.
///
/// `kOde`: pixels k become (k + u - 1/2) / 127.5 - 1 with u uniform in [0, 1), the bin around what
/// the network was trained on, and the number is -log2 p of that, plus log2(127.5) for the change
/// of variables to [0, 256): in expectation over u an upper bound of the bits of the discrete
/// pixels under the model of `flow_log_density`. Not clipped, not guided. The two methods are of
/// different models and bounds: never compare one with the other.
///
/// The random numbers of an image are pure functions of seed + i, and its steps its own: its number
/// depends on no neighbour, up to the rounding of a network's operators at other batch sizes.
///
/// `UserError`: the bound of a process that has no chain; images or classes that do not fit the
/// network, or no classes for a network that has no "no class"; options out of range.
void measure_bits_per_dim(
    Network network, const DiffusionConfig& diffusion, const LikelihoodData& data,
    const BitsPerDimOptions& options, torch::Device device, BitsPerDim& result,
    const LikelihoodProgress& progress = [](double) {});

}  // namespace ddpm
