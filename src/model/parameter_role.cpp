#include "ddpm/model/parameter_role.h"

#include <torch/types.h>

namespace ddpm {

void RoledModule::note_roles(const std::string& name, const torch::nn::Module& layer,
                             ParameterRole weight) {
  const auto bias =
      weight == ParameterRole::kNormScale ? ParameterRole::kNormShift : ParameterRole::kBias;
  for (const auto& item : layer.named_parameters(/*recurse=*/false))
    roles_.emplace(name + "." + item.key(), item.key() == "weight" ? weight : bias);
}

std::vector<ParameterRole> parameter_roles(const torch::nn::Module& module) {
  std::map<std::string, ParameterRole> told;
  for (const auto& item : module.named_modules()) {
    const auto* const roled = dynamic_cast<const RoledModule*>(item.value().get());
    if (roled == nullptr) continue;
    const std::string prefix = item.key().empty() ? "" : item.key() + ".";
    for (const auto& [name, role] : roled->noted_roles())
      told.emplace(prefix + name, role);
  }
  std::vector<ParameterRole> roles;
  for (const auto& item : module.named_parameters()) {
    const auto found = told.find(item.key());
    TORCH_CHECK(found != told.end(), "no layer tells the role of ", item.key());
    roles.push_back(found->second);
  }
  return roles;
}

}  // namespace ddpm
