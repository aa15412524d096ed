#include "ddpm/train/starting_weights.h"

#include <algorithm>
#include <numeric>

#include <torch/types.h>

#include "ddpm/model/parameter_role.h"

namespace ddpm {
namespace {

/// The name of the network's table of classes; empty if it has none.
std::string class_table_name(const NetworkImpl& network) {
  const auto roles = parameter_roles(network);
  size_t i = 0;
  for (const auto& parameter : network.named_parameters()) {
    const bool table = roles.at(i++) == ParameterRole::kEmbedding && parameter.value().dim() == 2 &&
                       parameter.value().size(0) == network.signature().labels();
    if (table) return parameter.key();
  }
  return {};
}

/// Removes the table of classes from the weights of a network that has one.
void drop_class_table(NamedTensors& weights, const Signature& from, const NetworkImpl& network) {
  const auto known = network.named_parameters();
  std::erase_if(weights, [&](const auto& row) {
    const auto& [name, tensor] = row;
    return !known.contains(name) && tensor.dim() == 2 && tensor.size(0) == from.labels();
  });
}

/// What a class that the network has never seen begins as, [width].
torch::Tensor new_row(const torch::Tensor& table, const Signature& from) {
  return from.null_label ? table[*from.null_label] : table.mean(0);
}

}  // namespace

std::vector<std::optional<int64_t>> matching_labels(const Signature& from, const Signature& to) {
  std::vector<std::optional<int64_t>> same(static_cast<size_t>(to.labels()));
  const auto& names = from.class_names;
  if (!names.empty() && !to.class_names.empty()) {
    for (size_t label = 0; label < to.class_names.size(); ++label) {
      const auto place = std::ranges::find(names, to.class_names[label]);
      if (place != names.end()) same[label] = place - names.begin();
    }
  } else if (names.empty() == to.class_names.empty() || from.classes == to.classes) {
    for (int64_t label = 0; label < std::min(from.classes, to.classes); ++label)
      same[static_cast<size_t>(label)] = label;
  } else if (names.empty() && from.labels() == to.labels()) {
    // Diffusers forgets names, and that the last row means "no class".
    for (int64_t label = 0; label < to.labels(); ++label)
      same[static_cast<size_t>(label)] = label;
    return same;
  }
  if (to.null_label) same.at(static_cast<size_t>(*to.null_label)) = from.null_label;
  return same;
}

NamedTensors adapt_classes(NamedTensors weights, const Signature& from,
                           const NetworkImpl& network) {
  const auto& to = network.signature();
  const auto name = to.labels() > 0 ? class_table_name(network) : std::string();
  if (name.empty()) {
    if (from.labels() > 0) drop_class_table(weights, from, network);
    return weights;
  }
  auto table = torch::zeros_like(network.named_parameters()[name]);
  const auto old = weights.find(name);
  if (old != weights.end() && old->second.dim() == 2 && old->second.size(1) == table.size(1) &&
      old->second.size(0) == from.labels()) {
    table.copy_(new_row(old->second, from).expand_as(table));
    const auto same = matching_labels(from, to);
    for (size_t label = 0; label < same.size(); ++label)
      if (same[label]) table[static_cast<int64_t>(label)].copy_(old->second[*same[label]]);
  }
  weights[name] = table;
  return weights;
}

NamedTensors with_training_layers(NamedTensors weights, const NetworkImpl& network) {
  for (const auto& parameter : network.named_parameters())
    if (serves_training_alone(parameter.key()))
      weights.emplace(parameter.key(), torch::zeros_like(parameter.value()).detach());
  return weights;
}

}  // namespace ddpm
