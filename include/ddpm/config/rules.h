#pragma once

#include <cstdint>

#include "ddpm/config/config.h"

namespace ddpm {

/// Checks what no single setting can: lists that go together, divisibility, orders of magnitude,
/// and settings that exclude each other. `UserError` naming the settings of the first broken rule.
///
/// `train.label_dropout` has no rule: without `model.class_conditional` it is not read.
void check_rules(const Config& config);

/// The rules of the model section, and its values against the settings table: for models that did
/// not come through it. `UserError` as above.
void check_model(const ModelConfig& model);

/// The rules of loss, noise levels and task in training, across sections. `UserError` as above.
void check_objective(const Config& config);

/// The rules of the diffusion section, and its values against the settings table. `UserError` as
/// above.
void check_diffusion(const DiffusionConfig& diffusion);

/// The values of the sample section against the settings table, for those that did not come through
/// it. `UserError` as above.
void check_sample_ranges(const SampleConfig& sample);

/// The rules of the sample section for models of this process: what no sampler of that name has,
/// and what makes no sense on it. `UserError` as above.
void check_sample(const SampleConfig& sample, const DiffusionConfig& diffusion);

/// The rules of a classifier on this model section. `UserError` as above.
void check_classifier(const ModelConfig& model, const ClassifierConfig& classifier);

/// Checks that every level of the U-Net but the last can halve the sides of the images.
/// `UserError` that tells the nearest sizes which work.
void check_image_size(const ModelConfig& model, int64_t height, int64_t width);

/// The same for a classifier's levels. It has no way up that must meet the way down, so it takes
/// odd sides too, as long as each level has a pixel.
void check_classifier_size(const ModelConfig& model, int64_t height, int64_t width);

/// Whichever of the two `config` trains.
void check_image_size(const Config& config, int64_t height, int64_t width);

}  // namespace ddpm
