#pragma once

#include "ddpm/config/network_config.h"

namespace ddpm {

/// A U-Net that is quick to run: 8x8 grey images, two levels, attention, three classes and null.
inline NetworkConfig tiny_model() {
  NetworkConfig network;
  auto& model = network.model;
  model.block_out_channels = {8, 16};
  model.layers_per_block = 1;
  model.down_block_types = {"DownBlock2D", "AttnDownBlock2D"};
  model.up_block_types = {"AttnUpBlock2D", "UpBlock2D"};
  model.norm_num_groups = 4;
  model.class_conditional = true;
  network.signature = {.data_channels = 1,
                       .in_channels = 1,
                       .out_channels = 1,
                       .sample_size = {8, 8},
                       .classes = 3,
                       .null_label = 3,
                       .class_names = {}};
  return network;
}

/// A classifier of the same images and classes.
inline NetworkConfig tiny_classifier(Pooling pooling = Pooling::kMean) {
  auto network = tiny_model();
  network.model.backbone = "classifier";
  network.signature.null_label.reset();
  network.classifier = {.pooling = pooling, .feature_dim = 12};
  return network;
}

}  // namespace ddpm
