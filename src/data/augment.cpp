#include "ddpm/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ddpm/util/random.h"

namespace ddpm {
namespace {

constexpr double kOctave = 0.2;        // of scale and stretch
constexpr double kShare = 1.0 / 8.0;   // of a side, of shifts
constexpr double kSpareShrink = 0.25;  // so much is too little to be seen as aliasing

double factor_of(double octaves) {
  return std::exp2(kOctave * octaves);
}

bool has(const AugmentOptions& options, AugmentTransform transform) {
  return std::ranges::find(options.transforms, transform) != options.transforms.end();
}

/// Four neighbouring pixels of a line, and what each counts.
struct Taps {
  std::array<int64_t, 4> places;
  std::array<float, 4> weights;
};

int64_t mirrored_place(int64_t place, int64_t size) {
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1);
  const int64_t within = (place % period + period) % period;
  return within < size ? within : period - within;
}

/// What makes the value at `place` on a line of `size` pixels, by Catmull and Rom's cubic.
Taps taps_at(double place, int64_t size) {
  const double floor = std::floor(place);
  const double t = place - floor;
  const auto first = static_cast<int64_t>(floor) - 1;
  Taps taps;
  for (int64_t i = 0; i < 4; ++i)
    taps.places[static_cast<size_t>(i)] = mirrored_place(first + i, size);
  taps.weights = {static_cast<float>(t * (-0.5 + t * (1.0 - 0.5 * t))),
                  static_cast<float>(1.0 + t * t * (-2.5 + 1.5 * t)),
                  static_cast<float>(t * (0.5 + t * (2.0 - 1.5 * t))),
                  static_cast<float>(t * t * (-0.5 + 0.5 * t))};
  return taps;
}

float value_at(const float* plane, int64_t width, const Taps& rows, const Taps& columns) {
  float value = 0.0F;
  for (size_t i = 0; i < 4; ++i) {
    const float* const row = plane + rows.places[i] * width;
    float sum = 0.0F;
    for (size_t j = 0; j < 4; ++j)
      sum += columns.weights[j] * row[columns.places[j]];
    value += rows.weights[i] * sum;
  }
  return value;
}

/// An image looked at through a map.
class Resampler {
 public:
  /// Each pixel is the average of `samples` x `samples` places within it.
  Resampler(const InverseMap& map, const SampleSpec& spec, const float* image, int64_t samples)
      : map_(map),
        spec_(spec),
        source_(image, image + spec.numel()),
        samples_(samples) {}

  void write_pixel(int64_t row, int64_t column, float* image) const {
    const int64_t plane = spec_.height * spec_.width;
    float* const pixel = image + row * spec_.width + column;
    for (int64_t c = 0; c < spec_.channels; ++c)
      pixel[c * plane] = 0.0F;
    const auto count = static_cast<float>(samples_ * samples_);
    for (int64_t i = 0; i < samples_; ++i)
      for (int64_t j = 0; j < samples_; ++j)
        add_sample(within(row, i), within(column, j), 1.0F / count, pixel);
    for (int64_t c = 0; c < spec_.channels; ++c)
      pixel[c * plane] = std::clamp(pixel[c * plane], -1.0F, 1.0F);
  }

 private:
  /// The place of sample `i` of the pixel with this number.
  double within(int64_t number, int64_t i) const {
    const auto samples = static_cast<double>(samples_);
    return static_cast<double>(number) + (static_cast<double>(i) + 0.5) / samples - 0.5;
  }

  void add_sample(double row, double column, float weight, float* pixel) const {
    const double middle_x = 0.5 * static_cast<double>(spec_.width - 1);
    const double middle_y = 0.5 * static_cast<double>(spec_.height - 1);
    const double x = column - middle_x;
    const double y = row - middle_y;
    const auto columns =
        taps_at(map_[0][0] * x + map_[0][1] * y + map_[0][2] + middle_x, spec_.width);
    const auto rows =
        taps_at(map_[1][0] * x + map_[1][1] * y + map_[1][2] + middle_y, spec_.height);
    const int64_t plane = spec_.height * spec_.width;
    for (int64_t c = 0; c < spec_.channels; ++c)
      pixel[c * plane] += weight * value_at(source_.data() + c * plane, spec_.width, rows, columns);
  }

  InverseMap map_;
  const SampleSpec& spec_;
  std::vector<float> source_;
  int64_t samples_;
};

void mirror_rows(const SampleSpec& spec, float* image) {
  for (int64_t row = 0; row < spec.channels * spec.height; ++row)
    std::reverse(image + row * spec.width, image + (row + 1) * spec.width);
}

void mirror_columns(const SampleSpec& spec, float* image) {
  for (int64_t c = 0; c < spec.channels; ++c) {
    float* const plane = image + c * spec.height * spec.width;
    for (int64_t row = 0; row < spec.height / 2; ++row)
      std::swap_ranges(plane + row * spec.width, plane + (row + 1) * spec.width,
                       plane + (spec.height - 1 - row) * spec.width);
  }
}

bool only_flips(const Augmentation& a) {
  return a.scale == 0 && a.angle == 0 && a.stretch == 0 && a.shift_x == 0 && a.shift_y == 0;
}

/// Places to look at on each side of a pixel, more than one where the image shrinks.
int64_t samples_for(const Augmentation& augmentation) {
  const double shrink = factor_of(std::abs(augmentation.stretch) - augmentation.scale);
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(shrink - kSpareShrink)));
}

}  // namespace

Augmentation draw_augmentation(const AugmentOptions& options, uint64_t seed, int64_t place) {
  Augmentation drawn;
  if (options.probability <= 0) return drawn;
  const auto index = static_cast<uint64_t>(place);
  std::array<float, 10> chances;
  fill_uniform({seed, RandomPurpose::kAugment, index}, 0.0F, 1.0F, chances);
  std::array<float, 4> sizes;
  fill_normal({seed, RandomPurpose::kAugmentSize, index}, sizes);
  const auto happens = [&](AugmentTransform transform, float chance) {
    return chance < options.probability && has(options, transform);
  };
  const auto any_angle = [](float chance) { return std::numbers::pi * (2.0 * chance - 1.0); };
  drawn.flip_x = chances[0] < 0.5F && has(options, AugmentTransform::kFlipX);
  drawn.flip_y = chances[1] < 0.5F && happens(AugmentTransform::kFlipY, chances[2]);
  if (happens(AugmentTransform::kScale, chances[3])) drawn.scale = sizes[0];
  if (happens(AugmentTransform::kRotate, chances[4])) drawn.angle = any_angle(chances[5]);
  if (happens(AugmentTransform::kStretch, chances[6])) {
    drawn.stretch = sizes[1];
    if (chances[7] < 0.5F) drawn.direction = any_angle(chances[8]);
  }
  if (happens(AugmentTransform::kTranslate, chances[9])) {
    drawn.shift_x = sizes[2];
    drawn.shift_y = sizes[3];
  }
  return drawn;
}

std::array<float, kAugmentLabels> augment_labels(const Augmentation& a) {
  const std::array<double, kAugmentLabels> labels{a.flip_x ? 1.0 : 0.0,
                                                  a.flip_y ? 1.0 : 0.0,
                                                  a.scale,
                                                  std::cos(a.angle) - 1.0,
                                                  std::sin(a.angle),
                                                  a.stretch * std::cos(a.direction),
                                                  a.stretch * std::sin(a.direction),
                                                  a.shift_x,
                                                  a.shift_y};
  std::array<float, kAugmentLabels> rounded;
  std::ranges::transform(labels, rounded.begin(), [](double x) { return static_cast<float>(x); });
  return rounded;
}

InverseMap inverse_map(const Augmentation& a, int64_t height, int64_t width) {
  const double c = std::cos(a.direction);
  const double s = std::sin(a.direction);
  const double along = 1.0 / factor_of(a.stretch);
  const double across = factor_of(a.stretch);
  const double xx = along * c * c + across * s * s;
  const double xy = (across - along) * c * s;
  const double yy = along * s * s + across * c * c;
  const double cosine = std::cos(a.angle) / factor_of(a.scale);
  const double sine = std::sin(a.angle) / factor_of(a.scale);
  InverseMap map{{{cosine * xx - sine * xy, cosine * xy - sine * yy, 0.0},
                  {sine * xx + cosine * xy, sine * xy + cosine * yy, 0.0}}};
  const double right = a.shift_x * kShare * static_cast<double>(width);
  const double down = a.shift_y * kShare * static_cast<double>(height);
  for (auto& row : map)
    row[2] = -row[0] * right - row[1] * down;
  return map;
}

void augment(const Augmentation& augmentation, const SampleSpec& spec, float* image) {
  if (augmentation.flip_x) mirror_rows(spec, image);
  if (augmentation.flip_y) mirror_columns(spec, image);
  if (only_flips(augmentation)) return;
  const Resampler resampler(inverse_map(augmentation, spec.height, spec.width), spec, image,
                            samples_for(augmentation));
  for (int64_t row = 0; row < spec.height; ++row)
    for (int64_t column = 0; column < spec.width; ++column)
      resampler.write_pixel(row, column, image);
}

}  // namespace ddpm
