#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/sample_spec.h"

namespace ddpm {

/// Which transforms may happen to an image, and how often: the pipe of Karras et al., "Elucidating
/// the design space of diffusion-based generative models" (2022), appendix F.2.
struct AugmentOptions {
  double probability = 0.0;  // of each transform; 0: images are as they are
  std::vector<AugmentTransform> transforms = {};
};

/// What is done to one image, in this order. The default is nothing.
struct Augmentation {
  bool flip_x = false;     // mirrored left to right
  bool flip_y = false;     // mirrored top to bottom
  double scale = 0.0;      // enlarged 2^(0.2 scale) times
  double angle = 0.0;      // turned counterclockwise by so many radians
  double stretch = 0.0;    // 2^(0.2 stretch) times as long in one direction, as much shorter across
  double direction = 0.0;  // of the stretch: radians counterclockwise from the right
  double shift_x = 0.0;    // moved to the right by so many eighths of the width
  double shift_y = 0.0;    // moved down by so many eighths of the height
};

/// What is done to the image at `place` in the sequence of training samples: a function of these
/// arguments alone. `kFlipX` mirrors half of all images, and the others act on a share
/// `probability` of them, each by itself: `kFlipY` mirrors half of those, angles are uniform, other
/// sizes normal with a standard deviation of 1, and a stretch goes half of the time to the right.
Augmentation draw_augmentation(const AugmentOptions& options, uint64_t seed, int64_t place);

inline constexpr int64_t kAugmentLabels = 9;

/// The numbers that tell a network of it, all zero for an image as it is: both flips as 0 or 1,
/// scale, cos angle - 1, sin angle, the stretch times cosine and sine of its direction, both
/// shifts.
std::array<float, kAugmentLabels> augment_labels(const Augmentation& augmentation);

/// Rows (a, b, c) such that what comes to lie at (x, y) was at (a x + b y + c) in the image before,
/// both in pixels to the right and down from the centre; without flips.
using InverseMap = std::array<std::array<double, 3>, 2>;
InverseMap inverse_map(const Augmentation& augmentation, int64_t height, int64_t width);

/// Does it to an image [C, H, W] in [-1, 1], in place. Pixels from beyond the border are those
/// mirrored at it. Flips alone move pixels exactly; else values between pixels are those of Catmull
/// and Rom's cubic, clamped to [-1, 1], and averages of several where the image shrinks.
void augment(const Augmentation& augmentation, const SampleSpec& spec, float* image);

}  // namespace ddpm
