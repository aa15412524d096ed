#pragma once

#include "ddpm/config/config.h"

namespace ddpm {

/// What a network is for.
enum class NetworkUse { kDenoise, kClassify };

/// All that makes a network: the settings of its kind, and what it takes and gives.
struct NetworkConfig {
  ModelConfig model = {};
  ClassifierConfig classifier = {};
  Signature signature = {};
};

/// The network that a run with these settings, which must be complete, trains.
inline NetworkConfig network_config(const Config& config) {
  NetworkConfig network{
      .model = config.model, .classifier = config.classifier, .signature = config.signature};
  if (config.train.task == Task::kClassifier) network.model.backbone = "classifier";
  return network;
}

}  // namespace ddpm
