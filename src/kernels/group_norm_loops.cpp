#include "ddpm/kernels/group_norm_loops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

// The compiler writes each loop below once for each of these; the loader takes the machine's best.
#if defined(__x86_64__)
#define DDPM_SIMD_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DDPM_SIMD_CLONES
#endif
#define DDPM_INLINE inline __attribute__((always_inline))

namespace ddpm {
namespace {

DDPM_INLINE float load(float x) {
  return x;
}

DDPM_INLINE float load(BFloat16Bits x) {
  return std::bit_cast<float>(static_cast<uint32_t>(x) << 16);
}

DDPM_INLINE void store(float& out, float x) {
  out = x;
}

/// Rounds to the nearest, ties to even; NaN stays NaN.
DDPM_INLINE void store(BFloat16Bits& out, float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  out = static_cast<BFloat16Bits>(x == x ? rounded : 0x7FC0U);
}

/// e^x within 2 units in the last place, without a branch: 2^k times a polynomial on
/// [-ln 2 / 2, ln 2 / 2] (Taylor to the sixth power).
DDPM_INLINE float fast_exp(float x) {
  const float clamped = std::min(std::max(x, -87.0F), 88.0F);
  const float shifted = clamped * 1.44269504F + 12582912.0F;  // rounds k into the low bits
  const float k = shifted - 12582912.0F;
  const float r = (clamped - k * 0.693359375F) + k * 2.12194440e-4F;
  float p = 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) - 0x4B400000U + 127U) << 23;
  return p * std::bit_cast<float>(power);
}

DDPM_INLINE float sigmoid(float x) {
  return 1.0F / (1.0F + fast_exp(-x));
}

/// Adds, over some pixels, the differences from `pivot` and their squares, channel by channel.
template <typename T>
DDPM_INLINE void add_moments(const T* __restrict x, int64_t pixels, int64_t channels,
                             const float* __restrict pivot, float* __restrict sum,
                             float* __restrict squares) {
  for (int64_t p = 0; p < pixels; ++p, x += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float d = load(x[c]) - pivot[c];
      sum[c] += d;
      squares[c] += d * d;
    }
  }
}

template <typename T>
DDPM_INLINE void scale_all(const T* __restrict x, int64_t pixels, int64_t channels,
                           const float* __restrict a, const float* __restrict b, bool silu,
                           T* __restrict y) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    if (silu) {
      for (int64_t c = 0; c < channels; ++c) {
        const float z = a[c] * load(x[c]) + b[c];
        store(y[c], z * sigmoid(z));
      }
    } else {
      for (int64_t c = 0; c < channels; ++c)
        store(y[c], a[c] * load(x[c]) + b[c]);
    }
  }
}

/// Gradient before the activation.
DDPM_INLINE float activation_gradient(float dy, float z, bool silu) {
  if (!silu) return dy;
  const float s = sigmoid(z);
  return dy * s * (1.0F + z * (1.0F - s));
}

/// Sums over all pixels, for each channel: dz, dz * x, and x.
template <bool kSilu, typename T>
DDPM_INLINE void add_gradients_of(const T* __restrict x, const T* __restrict dy, int64_t pixels,
                                  int64_t channels, const float* __restrict a,
                                  const float* __restrict b, float* __restrict sum_dz,
                                  float* __restrict sum_dzx, float* __restrict sum_x) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, dy += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float v = load(x[c]);
      const float dz = activation_gradient(load(dy[c]), a[c] * v + b[c], kSilu);
      sum_dz[c] += dz;
      sum_dzx[c] += dz * v;
      sum_x[c] += v;
    }
  }
}

template <typename T>
DDPM_INLINE void add_gradients(const T* x, const T* dy, int64_t pixels, int64_t channels,
                               const float* a, const float* b, bool silu, float* sum_dz,
                               float* sum_dzx, float* sum_x) {
  if (silu) {
    add_gradients_of<true>(x, dy, pixels, channels, a, b, sum_dz, sum_dzx, sum_x);
  } else {
    add_gradients_of<false>(x, dy, pixels, channels, a, b, sum_dz, sum_dzx, sum_x);
  }
}

/// dx = a dz + e x + f, channel by channel.
template <bool kSilu, typename T>
DDPM_INLINE void input_gradients_of(const T* __restrict x, const T* __restrict dy, int64_t pixels,
                                    int64_t channels, const float* __restrict a,
                                    const float* __restrict b, const float* __restrict e,
                                    const float* __restrict f, T* __restrict dx) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, dy += channels, dx += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const float v = load(x[c]);
      const float dz = activation_gradient(load(dy[c]), a[c] * v + b[c], kSilu);
      store(dx[c], a[c] * dz + e[c] * v + f[c]);
    }
  }
}

template <typename T>
DDPM_INLINE void input_gradients(const T* x, const T* dy, int64_t pixels, int64_t channels,
                                 const float* a, const float* b, bool silu, const float* e,
                                 const float* f, T* dx) {
  if (silu) {
    input_gradients_of<true>(x, dy, pixels, channels, a, b, e, f, dx);
  } else {
    input_gradients_of<false>(x, dy, pixels, channels, a, b, e, f, dx);
  }
}

// One function for each loop and type, cloned for each instruction set.
DDPM_SIMD_CLONES void moments(const float* x, int64_t pixels, int64_t channels, const float* pivot,
                              float* sum, float* squares) {
  add_moments(x, pixels, channels, pivot, sum, squares);
}
DDPM_SIMD_CLONES void moments(const BFloat16Bits* x, int64_t pixels, int64_t channels,
                              const float* pivot, float* sum, float* squares) {
  add_moments(x, pixels, channels, pivot, sum, squares);
}
DDPM_SIMD_CLONES void scale(const float* x, int64_t pixels, int64_t channels, const float* a,
                            const float* b, bool silu, float* y) {
  scale_all(x, pixels, channels, a, b, silu, y);
}
DDPM_SIMD_CLONES void scale(const BFloat16Bits* x, int64_t pixels, int64_t channels, const float* a,
                            const float* b, bool silu, BFloat16Bits* y) {
  scale_all(x, pixels, channels, a, b, silu, y);
}
DDPM_SIMD_CLONES void gradient_sums(const float* x, const float* dy, int64_t pixels,
                                    int64_t channels, const float* a, const float* b, bool silu,
                                    float* sum_dz, float* sum_dzx, float* sum_x) {
  add_gradients(x, dy, pixels, channels, a, b, silu, sum_dz, sum_dzx, sum_x);
}
DDPM_SIMD_CLONES void gradient_sums(const BFloat16Bits* x, const BFloat16Bits* dy, int64_t pixels,
                                    int64_t channels, const float* a, const float* b, bool silu,
                                    float* sum_dz, float* sum_dzx, float* sum_x) {
  add_gradients(x, dy, pixels, channels, a, b, silu, sum_dz, sum_dzx, sum_x);
}
DDPM_SIMD_CLONES void gradient_inputs(const float* x, const float* dy, int64_t pixels,
                                      int64_t channels, const float* a, const float* b, bool silu,
                                      const float* e, const float* f, float* dx) {
  input_gradients(x, dy, pixels, channels, a, b, silu, e, f, dx);
}
DDPM_SIMD_CLONES void gradient_inputs(const BFloat16Bits* x, const BFloat16Bits* dy, int64_t pixels,
                                      int64_t channels, const float* a, const float* b, bool silu,
                                      const float* e, const float* f, BFloat16Bits* dx) {
  input_gradients(x, dy, pixels, channels, a, b, silu, e, f, dx);
}

constexpr int64_t kPixelsPerSum = 256;  // float sums of so many terms keep their digits

float shift_of(const GroupNormImage& image, int64_t channel) {
  return image.shift == nullptr ? 0.0F : image.shift[channel];
}

/// Mean and sum of squared distances from it, of one channel.
struct ChannelMoments {
  double mean = 0.0;
  double m2 = 0.0;
};

/// Moments of x + shift of every channel. Differences are taken from the first pixel, so that a
/// large mean costs no digits.
template <typename T>
std::vector<ChannelMoments> channel_moments(const GroupNormImage& image, const T* x) {
  const auto channels = static_cast<size_t>(image.channels);
  std::vector<float> pivot(channels);
  std::vector<double> sum(channels);
  std::vector<double> squares(channels);
  for (size_t c = 0; c < channels; ++c)
    pivot[c] = load(x[c]);
  for (int64_t first = 0; first < image.pixels; first += kPixelsPerSum) {
    std::vector<float> part(2 * channels);
    moments(x + first * image.channels, std::min(kPixelsPerSum, image.pixels - first),
            image.channels, pivot.data(), part.data(), part.data() + channels);
    for (size_t c = 0; c < channels; ++c) {
      sum[c] += part[c];
      squares[c] += part[channels + c];
    }
  }
  const auto pixels = static_cast<double>(image.pixels);
  std::vector<ChannelMoments> moments(channels);
  for (size_t c = 0; c < channels; ++c) {
    moments[c].mean = pivot[c] + sum[c] / pixels + shift_of(image, static_cast<int64_t>(c));
    moments[c].m2 = squares[c] - sum[c] * sum[c] / pixels;
  }
  return moments;
}

/// Mean and 1/std of each group from those of its channels.
void group_statistics(const GroupNormImage& image, const std::vector<ChannelMoments>& moments,
                      float* mean, float* rstd) {
  const int64_t width = image.channels / image.groups;
  for (int64_t g = 0; g < image.groups; ++g) {
    const auto* const first = moments.data() + g * width;
    double average = 0.0;
    for (int64_t i = 0; i < width; ++i)
      average += first[i].mean / static_cast<double>(width);
    double m2 = 0.0;
    for (int64_t i = 0; i < width; ++i) {
      const double distance = first[i].mean - average;
      m2 += first[i].m2 + static_cast<double>(image.pixels) * distance * distance;
    }
    const double variance = std::max(0.0, m2 / static_cast<double>(width * image.pixels));
    mean[g] = static_cast<float>(average);
    rstd[g] = static_cast<float>(1.0 / std::sqrt(variance + static_cast<double>(image.eps)));
  }
}

/// The normalization as z = a x + b, channel by channel.
struct Affine {
  std::vector<float> a;
  std::vector<float> b;
};

Affine affine_of(const GroupNormImage& image, const float* mean, const float* rstd) {
  Affine affine;
  const int64_t width = image.channels / image.groups;
  for (int64_t c = 0; c < image.channels; ++c) {
    const float a = rstd[c / width] * image.weight[c];
    affine.a.push_back(a);
    affine.b.push_back(image.bias[c] + (shift_of(image, c) - mean[c / width]) * a);
  }
  return affine;
}

/// What the backward pass sums over the pixels, by channel.
struct GradientSums {
  std::vector<double> dz;
  std::vector<double> dz_x;
  std::vector<double> x;
};

template <typename T>
GradientSums sum_gradients(const GroupNormImage& image, const T* x, const T* dy,
                           const Affine& affine) {
  const auto channels = static_cast<size_t>(image.channels);
  GradientSums sums{std::vector<double>(channels), std::vector<double>(channels),
                    std::vector<double>(channels)};
  for (int64_t first = 0; first < image.pixels; first += kPixelsPerSum) {
    std::vector<float> part(3 * channels);
    const int64_t offset = first * image.channels;
    gradient_sums(x + offset, dy + offset, std::min(kPixelsPerSum, image.pixels - first),
                  image.channels, affine.a.data(), affine.b.data(), image.silu, part.data(),
                  part.data() + channels, part.data() + 2 * channels);
    for (size_t c = 0; c < channels; ++c) {
      sums.dz[c] += part[c];
      sums.dz_x[c] += part[channels + c];
      sums.x[c] += part[2 * channels + c];
    }
  }
  return sums;
}

}  // namespace

template <typename T>
void group_norm_forward(const GroupNormImage& image, const T* x, T* y, float* mean, float* rstd) {
  group_statistics(image, channel_moments(image, x), mean, rstd);
  const Affine affine = affine_of(image, mean, rstd);
  scale(x, image.pixels, image.channels, affine.a.data(), affine.b.data(), image.silu, y);
}

template <typename T>
void group_norm_backward(const GroupNormImage& image, const T* x, const T* dy, const float* mean,
                         const float* rstd, T* dx, const GroupNormGradients& gradients) {
  const Affine affine = affine_of(image, mean, rstd);
  const auto sums = sum_gradients(image, x, dy, affine);
  const int64_t width = image.channels / image.groups;
  const auto pixels = static_cast<double>(image.pixels);
  std::vector<float> e(static_cast<size_t>(image.channels));
  std::vector<float> f(e.size());
  for (int64_t g = 0; g < image.groups; ++g) {
    const double r = rstd[g];
    double s1 = 0.0;  // means over the group of w dz and of w dz xhat
    double s2 = 0.0;
    for (int64_t c = g * width; c < (g + 1) * width; ++c) {
      const auto i = static_cast<size_t>(c);
      const double center = static_cast<double>(shift_of(image, c)) - mean[g];
      const double dz_xhat = r * (sums.dz_x[i] + center * sums.dz[i]);
      gradients.bias[c] = static_cast<float>(sums.dz[i]);
      gradients.weight[c] = static_cast<float>(dz_xhat);
      s1 += image.weight[c] * sums.dz[i] / (static_cast<double>(width) * pixels);
      s2 += image.weight[c] * dz_xhat / (static_cast<double>(width) * pixels);
    }
    for (int64_t c = g * width; c < (g + 1) * width; ++c) {
      // dx = rstd (w dz - s1 - xhat s2), with xhat = rstd (x + shift - mean)
      const auto i = static_cast<size_t>(c);
      const double center = static_cast<double>(shift_of(image, c)) - mean[g];
      e[i] = static_cast<float>(-r * r * s2);
      f[i] = static_cast<float>(-r * s1 - r * r * s2 * center);
      if (gradients.shift == nullptr) continue;
      const double sum_xhat = r * (sums.x[i] + center * pixels);
      gradients.shift[c] =
          static_cast<float>(r * (image.weight[c] * sums.dz[i] - pixels * s1 - s2 * sum_xhat));
    }
  }
  gradient_inputs(x, dy, image.pixels, image.channels, affine.a.data(), affine.b.data(), image.silu,
                  e.data(), f.data(), dx);
}

template void group_norm_forward(const GroupNormImage&, const float*, float*, float*, float*);
template void group_norm_forward(const GroupNormImage&, const BFloat16Bits*, BFloat16Bits*, float*,
                                 float*);
template void group_norm_backward(const GroupNormImage&, const float*, const float*, const float*,
                                  const float*, float*, const GroupNormGradients&);
template void group_norm_backward(const GroupNormImage&, const BFloat16Bits*, const BFloat16Bits*,
                                  const float*, const float*, BFloat16Bits*,
                                  const GroupNormGradients&);

}  // namespace ddpm
