#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/model/named_tensors.h"
#include "ddpm/model/network.h"

namespace ddpm {

/// The weights that a run begins with where they are not drawn, and where they come from.
struct StartingWeights {
  NamedTensors weights = {};
  std::string origin = {};  // for people and for the run's state: the folder, and a hash
};

/// The label of `from` that means the same as each label of `to`, those for "no class" included;
/// nothing where there is none. Classes are matched by their names; by their numbers where neither
/// side has names, or one has none and both have as many, or as many labels as a folder that
/// diffusers has saved, which tells neither names nor which row means "no class".
std::vector<std::optional<int64_t>> matching_labels(const Signature& from, const Signature& to);

/// The weights of a network of signature `from`, for `network`, which may have other classes: its
/// table of classes keeps the rows of those that both know. A new class begins as "no class" was,
/// or as the mean of all classes; in a network that had no classes, as nothing. What differs
/// otherwise is left as it is, for `TrainingModel::begin_with` to refuse.
NamedTensors adapt_classes(NamedTensors weights, const Signature& from, const NetworkImpl& network);

/// The weights with zeros for the layers of `network` that serve training alone, which checkpoints
/// of networks do not hold.
NamedTensors with_training_layers(NamedTensors weights, const NetworkImpl& network);

}  // namespace ddpm
