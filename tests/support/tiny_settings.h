#pragma once

namespace ddpm {

/// Settings of a run of a second, on 8x8 images of two classes in the folder `images`.
inline constexpr const char* kTinySettings = R"(
data: {name: folder, root: images}
model:
  block_out_channels: [8, 16]
  layers_per_block: 1
  down_block_types: [DownBlock2D, AttnDownBlock2D]
  up_block_types: [AttnUpBlock2D, UpBlock2D]
  norm_num_groups: 4
  class_conditional: true
diffusion: {num_train_timesteps: 50}
train:
  steps: 6
  batch_size: 4
  warmup_steps: 2
  precision: float32
  log_every: 2
  sample_every: 0
  save_every: 3
  keep_last: 0
sample: {steps: 3, grid_images: 4}
)";

/// Settings of a classifier for distances in its features, as quick.
inline constexpr const char* kTinyRecipe = R"(
data: {name: folder, root: elsewhere}
model:
  block_out_channels: [8, 8]
  layers_per_block: 1
  down_block_types: [DownBlock2D, DownBlock2D]
  up_block_types: [UpBlock2D, UpBlock2D]
  norm_num_groups: 4
classifier: {feature_dim: 3}
train:
  {task: classifier, steps: 4, warmup_steps: 0, batch_size: 4, precision: float32, log_every: 2,
   save_every: 0}
)";

}  // namespace ddpm
