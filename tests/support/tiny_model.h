#pragma once

#include "ddpm/config/config.h"

namespace ddpm {

/// A U-Net that is quick to run: 8x8 grey images, two levels, attention, three classes and null.
inline ModelConfig tiny_model() {
  ModelConfig model;
  model.block_out_channels = {8, 16};
  model.layers_per_block = 1;
  model.down_block_types = {"DownBlock2D", "AttnDownBlock2D"};
  model.up_block_types = {"AttnUpBlock2D", "UpBlock2D"};
  model.norm_num_groups = 4;
  model.class_conditional = true;
  model.in_channels = 1;
  model.out_channels = 1;
  model.sample_size = {8, 8};
  model.num_class_embeds = 4;
  model.null_class_label = 3;
  return model;
}

}  // namespace ddpm
