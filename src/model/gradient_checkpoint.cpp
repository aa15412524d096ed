#include "ddpm/model/gradient_checkpoint.h"

#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

at::Generator generator_of(const torch::Device& device) {
  return at::globalContext().defaultGenerator(device);
}

/// Puts the generator and autocast back as they were in the forward pass, for one scope.
class ForwardState {
 public:
  ForwardState(const torch::Device& device, const torch::Tensor& generator_state, bool autocast)
      : device_(device),
        saved_state_(generator_of(device).get_state()),
        saved_autocast_(at::autocast::is_autocast_enabled(device.type())) {
    generator_of(device).set_state(generator_state);
    at::autocast::set_autocast_enabled(device.type(), autocast);
  }
  ~ForwardState() {
    generator_of(device_).set_state(saved_state_);
    at::autocast::set_autocast_enabled(device_.type(), saved_autocast_);
  }
  ForwardState(const ForwardState&) = delete;
  ForwardState& operator=(const ForwardState&) = delete;

 private:
  torch::Device device_;
  torch::Tensor saved_state_;
  bool saved_autocast_;
};

class CheckpointedBlock : public torch::autograd::Function<CheckpointedBlock> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& temb,
                          int64_t block_address) {
    auto* block = reinterpret_cast<ResnetBlockImpl*>(block_address);
    const auto device = input.device();
    context->saved_data["block"] = block_address;
    context->saved_data["generator"] = generator_of(device).get_state();
    context->saved_data["autocast"] = at::autocast::is_autocast_enabled(device.type());
    context->save_for_backward({input, temb});
    const torch::NoGradGuard no_grad;
    return block->forward(input, temb);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    auto* block = reinterpret_cast<ResnetBlockImpl*>(context->saved_data["block"].toInt());
    const auto saved = context->get_saved_variables();
    const auto input = saved[0].detach().requires_grad_();
    const auto temb = saved[1].detach().requires_grad_();
    Variable output;
    {
      const torch::AutoGradMode with_grad(true);
      const ForwardState state(input.device(), context->saved_data["generator"].toTensor(),
                               context->saved_data["autocast"].toBool());
      output = block->forward(input, temb);
    }
    // Reaches the block's parameters, whose gradients it adds to, as well as the two inputs.
    torch::autograd::backward({output}, {gradients[0]});
    return {input.grad(), temb.grad(), Variable()};
  }
};

}  // namespace

torch::Tensor run_block(ResnetBlockImpl& block, const torch::Tensor& input,
                        const torch::Tensor& temb) {
  return block.forward(input, temb);
}

torch::Tensor run_block_checkpointed(ResnetBlockImpl& block, const torch::Tensor& input,
                                     const torch::Tensor& temb) {
  if (!torch::GradMode::is_enabled()) return block.forward(input, temb);
  return CheckpointedBlock::apply(input, temb, reinterpret_cast<int64_t>(&block));
}

}  // namespace ddpm
