#pragma once

#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/image_data.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/random.h"

namespace ddpm {

/// Grey 8x8 images of noise in three classes.
class NoiseDataset : public Dataset {
 public:
  explicit NoiseDataset(int64_t images)
      : Dataset({.name = "noise",
                 .where = "memory",
                 .images = images,
                 .channels = 1,
                 .height = 8,
                 .width = 8,
                 .num_classes = 3,
                 .class_names = {},
                 .skipped = 0}) {}
  int64_t label(int64_t index) const override { return index % 3; }
  void read(int64_t index, uint8_t* chw) const override {
    for (uint64_t i = 0; i < 64; ++i)
      chw[i] = static_cast<uint8_t>(
          random_bits({static_cast<uint64_t>(index), RandomPurpose::kTrainingNoise, i}));
    chw[0] = 0;
    chw[63] = 255;
  }
};

/// The same as training data; half of the images are mirrored, as `tiny_config` says.
class NoiseData : public ImageData {
 public:
  explicit NoiseData(int64_t images)
      : ImageData(std::make_shared<NoiseDataset>(images), {.flip = true}) {}
};

/// A run of a few seconds at most: dropout, flips, label dropout, two micro-batches a step.
inline Config tiny_config() {
  Config config;
  config.data.flip = true;
  config.model.block_out_channels = {8, 16};
  config.model.layers_per_block = 1;
  config.model.down_block_types = {"DownBlock2D", "AttnDownBlock2D"};
  config.model.up_block_types = {"AttnUpBlock2D", "UpBlock2D"};
  config.model.norm_num_groups = 4;
  config.model.dropout = 0.2;
  config.model.class_conditional = true;
  config.diffusion.num_train_timesteps = 100;
  config.train.steps = 40;
  config.train.batch_size = 8;
  config.train.gradient_accumulation_steps = 2;
  config.train.lr = 1e-3;
  config.train.warmup_steps = 4;
  config.train.lr_schedule = LrSchedule::kCosine;
  config.train.label_dropout = 0.3;
  config.train.precision = Precision::kFloat32;
  config.train.log_every = 8;
  config.train.sample_every = 0;
  config.train.save_every = 20;
  config.train.keep_last = 0;
  config.sample.steps = 3;
  config.sample.grid_images = 4;
  return config;
}

}  // namespace ddpm
