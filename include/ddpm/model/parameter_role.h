#pragma once

#include <map>
#include <string>
#include <vector>

#include <torch/nn/module.h>

namespace ddpm {

/// What a parameter is to its network. The role decides the initial values (`init_weights`), the
/// type in a bf16 network (`is_bf16`), and whether Muon steps it (`TrainingModel`).
enum class ParameterRole {
  kFirst,        // weight of a layer that takes what the network is given: images, timesteps
  kMatrix,       // weight of a layer in between
  kResidualEnd,  // weight of the layer that ends a residual path
  kLast,         // weight of the layer that gives images
  kHead,         // weight of the layer that gives logits
  kEmbedding,    // one vector a label
  kBias,
  kNormScale,
  kNormShift,
};

/// A module that tells, where it registers a layer, what the layer's parameters are for.
class RoledModule : public torch::nn::Module {
 public:
  /// Notes the roles of a layer's own parameters: `weight` of its weight, and the bias that goes
  /// with it. `name` is the layer's full name below this module, which registers it by itself.
  void note_roles(const std::string& name, const torch::nn::Module& layer, ParameterRole weight);

  /// The roles noted here, by the parameters' names below this module.
  const std::map<std::string, ParameterRole>& noted_roles() const { return roles_; }

 protected:
  /// Registers a layer such as `torch::nn::Linear` and notes its roles.
  template <typename Layer>
  Layer register_layer(const std::string& name, const Layer& layer, ParameterRole weight) {
    note_roles(name, *layer, weight);
    return Layer(register_module(name, layer));
  }

 private:
  std::map<std::string, ParameterRole> roles_;
};

/// The roles of all parameters of `module`, which a shared pointer must own, in the order of its
/// `parameters()`. Each must have been told where its layer was registered.
std::vector<ParameterRole> parameter_roles(const torch::nn::Module& module);

}  // namespace ddpm
