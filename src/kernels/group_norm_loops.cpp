#include "ddpm/kernels/group_norm_loops.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <type_traits>
#include <vector>

#include "ddpm/kernels/vector_math.h"

namespace ddpm {
namespace {

/// Some pixels of an image, channels together.
struct Pixels {
  int64_t count;
  int64_t channels;
};

/// Calls `work(width, first channel)` for blocks of channels whose width the compiler knows, so
/// that what belongs to a channel stays in registers while the loop runs over the pixels.
template <typename Work>
DDPM_INLINE void for_channel_blocks(int64_t channels, const Work& work) {
  int64_t c = 0;
  for (; c + 32 <= channels; c += 32)
    work(std::integral_constant<int, 32>(), c);
  for (; c + 16 <= channels; c += 16)
    work(std::integral_constant<int, 16>(), c);
  for (; c + 4 <= channels; c += 4)
    work(std::integral_constant<int, 4>(), c);
  for (; c < channels; ++c)
    work(std::integral_constant<int, 1>(), c);
}

template <int kWidth>
struct Block {
  float values[kWidth];

  DDPM_INLINE explicit Block(const float* from) {
    for (int i = 0; i < kWidth; ++i)
      values[i] = from[i];
  }
  DDPM_INLINE Block() {
    for (int i = 0; i < kWidth; ++i)
      values[i] = 0.0F;
  }
  DDPM_INLINE void write(float* to) const {
    for (int i = 0; i < kWidth; ++i)
      to[i] = values[i];
  }
};

/// Sums, over the pixels, of the differences from `pivot` and of their squares, by channel.
template <typename T>
DDPM_INLINE void moments_of(const T* x, Pixels pixels, const float* pivot, float* sum,
                            float* squares) {
  for_channel_blocks(pixels.channels, [=](auto width, int64_t c) DDPM_ALWAYS {
    constexpr int kWidth = decltype(width)::value;
    const Block<kWidth> center(pivot + c);
    Block<kWidth> s;
    Block<kWidth> q;
    const T* from = x + c;
    for (int64_t p = 0; p < pixels.count; ++p, from += pixels.channels) {
      for (int i = 0; i < kWidth; ++i) {
        const float d = load(from[i]) - center.values[i];
        s.values[i] += d;
        q.values[i] += d * d;
      }
    }
    s.write(sum + c);
    q.write(squares + c);
  });
}

/// y = a x + b, or its SiLU.
template <bool kSilu, typename T>
DDPM_INLINE void scaled(const T* x, Pixels pixels, const float* a, const float* b, T* y) {
  for_channel_blocks(pixels.channels, [=](auto width, int64_t c) DDPM_ALWAYS {
    constexpr int kWidth = decltype(width)::value;
    const Block<kWidth> slope(a + c);
    const Block<kWidth> offset(b + c);
    const T* __restrict from = x + c;
    T* __restrict to = y + c;
    DDPM_INDEPENDENT
    for (int64_t p = 0; p < pixels.count; ++p) {
      DDPM_INDEPENDENT
      for (int i = 0; i < kWidth; ++i) {
        const float z = slope.values[i] * load(from[i]) + offset.values[i];
        store(to[i], kSilu ? z * sigmoid(z) : z);
      }
      from += pixels.channels;
      to += pixels.channels;
    }
  });
}

/// Gradient before the activation.
template <bool kSilu>
DDPM_INLINE float activation_gradient(float dy, float z) {
  if constexpr (!kSilu) return dy;
  const float s = sigmoid(z);
  return dy * s * (1.0F + z * (1.0F - s));
}

/// Sums over the pixels, by channel: dz, dz x, and x.
struct SumRows {
  float* dz;
  float* dz_x;
  float* x;
};

/// With SiLU, dz goes to `dz` [pixels, channels] as well: it is dear to make.
template <bool kSilu, typename T>
DDPM_INLINE void gradient_sums_of(const T* x, const T* dy, Pixels pixels, const float* a,
                                  const float* b, SumRows sums, float* __restrict dz_to) {
  for_channel_blocks(pixels.channels, [=](auto width, int64_t c) DDPM_ALWAYS {
    constexpr int kWidth = decltype(width)::value;
    const Block<kWidth> slope(a + c);
    const Block<kWidth> offset(b + c);
    Block<kWidth> dz_sum;
    Block<kWidth> dzx_sum;
    Block<kWidth> x_sum;
    const T* from = x + c;
    const T* grad = dy + c;
    float* __restrict to = kSilu ? dz_to + c : nullptr;
    DDPM_INDEPENDENT
    for (int64_t p = 0; p < pixels.count; ++p) {
      DDPM_INDEPENDENT
      for (int i = 0; i < kWidth; ++i) {
        const float v = load(from[i]);
        const float dz =
            activation_gradient<kSilu>(load(grad[i]), slope.values[i] * v + offset.values[i]);
        if (kSilu) to[i] = dz;
        dz_sum.values[i] += dz;
        dzx_sum.values[i] += dz * v;
        x_sum.values[i] += v;
      }
      from += pixels.channels;
      grad += pixels.channels;
      if (kSilu) to += pixels.channels;
    }
    dz_sum.write(sums.dz + c);
    dzx_sum.write(sums.dz_x + c);
    x_sum.write(sums.x + c);
  });
}

/// Coefficients of the input's gradient by channel, a dz + e x + f.
struct GradientRows {
  const float* a;
  const float* e;
  const float* f;
};

template <typename T, typename Gradient>
DDPM_INLINE void input_gradients_of(const T* x, const Gradient* dz, Pixels pixels,
                                    GradientRows rows, T* dx) {
  for_channel_blocks(pixels.channels, [=](auto width, int64_t c) DDPM_ALWAYS {
    constexpr int kWidth = decltype(width)::value;
    const Block<kWidth> a(rows.a + c);
    const Block<kWidth> e(rows.e + c);
    const Block<kWidth> f(rows.f + c);
    const T* __restrict from = x + c;
    const Gradient* __restrict grad = dz + c;
    T* __restrict to = dx + c;
    DDPM_INDEPENDENT
    for (int64_t p = 0; p < pixels.count; ++p) {
      DDPM_INDEPENDENT
      for (int i = 0; i < kWidth; ++i) {
        store(to[i], a.values[i] * load(grad[i]) + e.values[i] * load(from[i]) + f.values[i]);
      }
      from += pixels.channels;
      grad += pixels.channels;
      to += pixels.channels;
    }
  });
}

// One function for each loop and type, cloned for each instruction set.
#define DDPM_CLONED_LOOPS(T)                                                                       \
  DDPM_SIMD_CLONES void moments(const T* x, Pixels pixels, const float* pivot, float* sum,         \
                                float* squares) {                                                  \
    moments_of(x, pixels, pivot, sum, squares);                                                    \
  }                                                                                                \
  DDPM_SIMD_CLONES void scale(const T* x, Pixels pixels, const float* a, const float* b, T* y) {   \
    scaled<false>(x, pixels, a, b, y);                                                             \
  }                                                                                                \
  DDPM_SIMD_CLONES void scale_silu(const T* x, Pixels pixels, const float* a, const float* b,      \
                                   T* y) {                                                         \
    scaled<true>(x, pixels, a, b, y);                                                              \
  }                                                                                                \
  DDPM_SIMD_CLONES void gradient_sums(const T* x, const T* dy, Pixels pixels, const float* a,      \
                                      const float* b, SumRows sums) {                              \
    gradient_sums_of<false>(x, dy, pixels, a, b, sums, nullptr);                                   \
  }                                                                                                \
  DDPM_SIMD_CLONES void gradient_sums_silu(const T* x, const T* dy, Pixels pixels, const float* a, \
                                           const float* b, SumRows sums, float* dz) {              \
    gradient_sums_of<true>(x, dy, pixels, a, b, sums, dz);                                         \
  }                                                                                                \
  DDPM_SIMD_CLONES void input_gradients(const T* x, const T* dz, Pixels pixels, GradientRows rows, \
                                        T* dx) {                                                   \
    input_gradients_of(x, dz, pixels, rows, dx);                                                   \
  }
DDPM_CLONED_LOOPS(float)
DDPM_CLONED_LOOPS(BFloat16Bits)

DDPM_SIMD_CLONES void input_gradients(const BFloat16Bits* x, const float* dz, Pixels pixels,
                                      GradientRows rows, BFloat16Bits* dx) {
  input_gradients_of(x, dz, pixels, rows, dx);
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
    moments(x + first * image.channels,
            {std::min(kPixelsPerSum, image.pixels - first), image.channels}, pivot.data(),
            part.data(), part.data() + channels);
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

/// `dz` [pixels, channels] gets the gradient before a SiLU.
template <typename T>
GradientSums sum_gradients(const GroupNormImage& image, const T* x, const T* dy,
                           const Affine& affine, float* dz) {
  const auto channels = static_cast<size_t>(image.channels);
  GradientSums sums{std::vector<double>(channels), std::vector<double>(channels),
                    std::vector<double>(channels)};
  for (int64_t first = 0; first < image.pixels; first += kPixelsPerSum) {
    std::vector<float> part(3 * channels);
    const int64_t offset = first * image.channels;
    const Pixels pixels{std::min(kPixelsPerSum, image.pixels - first), image.channels};
    const SumRows rows{part.data(), part.data() + channels, part.data() + 2 * channels};
    if (image.silu) {
      gradient_sums_silu(x + offset, dy + offset, pixels, affine.a.data(), affine.b.data(), rows,
                         dz + offset);
    } else {
      gradient_sums(x + offset, dy + offset, pixels, affine.a.data(), affine.b.data(), rows);
    }
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
void group_norm_statistics(const GroupNormImage& image, const T* x, float* mean, float* rstd) {
  group_statistics(image, channel_moments(image, x), mean, rstd);
}

template <typename T>
void group_norm_apply(const GroupNormImage& image, const T* x, const float* mean, const float* rstd,
                      T* y) {
  const Affine affine = affine_of(image, mean, rstd);
  const Pixels pixels{image.pixels, image.channels};
  if (image.silu) {
    scale_silu(x, pixels, affine.a.data(), affine.b.data(), y);
  } else {
    scale(x, pixels, affine.a.data(), affine.b.data(), y);
  }
}

template <typename T>
void group_norm_backward(const GroupNormImage& image, const T* x, const T* dy, const float* mean,
                         const float* rstd, T* dx, const GroupNormGradients& gradients) {
  const Affine affine = affine_of(image, mean, rstd);
  const auto size = static_cast<size_t>(image.silu ? image.pixels * image.channels : 0);
  const auto dz = std::make_unique_for_overwrite<float[]>(size);
  const auto sums = sum_gradients(image, x, dy, affine, dz.get());
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
    DDPM_INDEPENDENT
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
  const Pixels all{image.pixels, image.channels};
  const GradientRows rows{affine.a.data(), e.data(), f.data()};
  if (image.silu) {
    input_gradients(x, dz.get(), all, rows, dx);
  } else {
    input_gradients(x, dy, all, rows, dx);
  }
}

template void group_norm_statistics(const GroupNormImage&, const float*, float*, float*);
template void group_norm_statistics(const GroupNormImage&, const BFloat16Bits*, float*, float*);
template void group_norm_apply(const GroupNormImage&, const float*, const float*, const float*,
                               float*);
template void group_norm_apply(const GroupNormImage&, const BFloat16Bits*, const float*,
                               const float*, BFloat16Bits*);
template void group_norm_backward(const GroupNormImage&, const float*, const float*, const float*,
                                  const float*, float*, const GroupNormGradients&);
template void group_norm_backward(const GroupNormImage&, const BFloat16Bits*, const BFloat16Bits*,
                                  const float*, const float*, BFloat16Bits*,
                                  const GroupNormGradients&);

}  // namespace ddpm
