#include "ddpm/train/objective.h"

namespace ddpm {

torch::Tensor input_or_none(const StepInputs& inputs, const std::string& name) {
  const auto input = inputs.find(name);
  return input == inputs.end() ? torch::Tensor() : input->second;
}

torch::Tensor to_device(const torch::Tensor& tensor, torch::Device device) {
  // LibTorch's allocator gives pinned memory out again only once the copies from it are done.
  return tensor.to(device, /*non_blocking=*/true);
}

}  // namespace ddpm
