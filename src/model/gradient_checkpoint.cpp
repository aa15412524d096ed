#include "ddpm/model/gradient_checkpoint.h"

#include <torch/autograd.h>

namespace ddpm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

at::Generator generator_of(const torch::Device& device) {
  return at::globalContext().defaultGenerator(device);
}

/// Puts the generator back as it was in the forward pass, for one scope.
class GeneratorScope {
 public:
  GeneratorScope(const torch::Device& device, const torch::Tensor& state)
      : generator_(generator_of(device)),
        before_(generator_.get_state()) {
    generator_.set_state(state);
  }
  ~GeneratorScope() { generator_.set_state(before_); }
  GeneratorScope(const GeneratorScope&) = delete;
  GeneratorScope& operator=(const GeneratorScope&) = delete;

 private:
  at::Generator generator_;
  torch::Tensor before_;
};

class CheckpointedBlock : public torch::autograd::Function<CheckpointedBlock> {
 public:
  static Variable forward(AutogradContext* context, const Variable& input, const Variable& temb,
                          int64_t block_address) {
    auto* block = reinterpret_cast<ResnetBlockImpl*>(block_address);
    const auto device = input.device();
    context->saved_data["block"] = block_address;
    context->saved_data["generator"] = generator_of(device).get_state();
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
      const GeneratorScope generator(input.device(), context->saved_data["generator"].toTensor());
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
