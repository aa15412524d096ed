#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ddpm {

/// What the numbers of a sample are.
enum class SampleKind {
  kImage,  // pixels of 8 bits, as the network sees them: b (2 / 255) - 1, in [-1, 1]
  kReal,   // any real numbers
};

/// The form of the samples that a model learns: [channels, height, width] each. A row of d numbers
/// is [d, 1, 1].
struct SampleSpec {
  SampleKind kind = SampleKind::kImage;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t num_classes = 0;                    // 0: no labels
  std::vector<std::string> class_names = {};  // empty: classes have numbers only

  int64_t numel() const { return channels * height * width; }
};

}  // namespace ddpm
