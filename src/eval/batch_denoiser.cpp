#include "ddpm/eval/batch_denoiser.h"

#include <utility>

#include <torch/types.h>

namespace ddpm {

NoiseLevels stack_levels(const std::vector<NoiseLevel>& levels, torch::Device device) {
  const auto stacked = [&](double NoiseLevel::*member) {
    std::vector<double> values;
    for (const auto& level : levels)
      values.push_back(level.*member);
    return torch::tensor(values, torch::kFloat64).to(device);
  };
  return {.alpha = stacked(&NoiseLevel::alpha).view({-1, 1, 1, 1}),
          .sigma = stacked(&NoiseLevel::sigma).view({-1, 1, 1, 1}),
          .t = stacked(&NoiseLevel::t)};
}

BatchDenoiser make_batch_denoiser(const Process& process, Network network,
                                  Conditioning conditioning) {
  return [&process, network = std::move(network), conditioning = std::move(conditioning)](
             const torch::Tensor& x, const NoiseLevels& levels, const torch::Tensor& rows) {
    const auto input = (x * process.input_scale(levels)).to(torch::kFloat32);
    const auto output =
        network->forward(input, levels.t.to(torch::kFloat32), conditioning.index_select(rows));
    return process.read(levels, x, output.to(torch::kFloat64));
  };
}

}  // namespace ddpm
