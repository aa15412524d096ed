#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ddpm/data/image.h"
#include "ddpm/data/npy.h"

namespace ddpm {

/// The images of an array of numbers.
///
/// Shapes: [N, H, W] in grey, [N, H, W, C], or [N, C, H, W] with C of 1 or 3; where both would do,
/// the last axis holds the channels. Values: uint8 and whole numbers from 0 to 255 as they are,
/// whole numbers up to 65535 divided by 257, truth values as black and white. Floating-point
/// numbers are in [-1, 1] if one is negative, else in [0, 1] if none is above 1, else in [0, 255];
/// they are rounded to 8 bits.
class ArrayImages {
 public:
  /// `DataError` starting with `name` for another shape, or values outside all ranges or not
  /// finite.
  ArrayImages(NpyArray array, const std::string& name);

  int64_t count() const { return array_.shape[0]; }
  const ImageSize& size() const { return size_; }
  Image image(int64_t index) const;

  /// What was decided by looking, a line each: the order of axes, the range of values.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void find_layout(const std::string& name);
  void find_range(const std::string& name);

  NpyArray array_;
  ImageSize size_;
  bool channels_first_ = false;
  double offset_ = 0.0;  // a value v is (v + offset) * scale of 255
  double scale_ = 1.0;
  std::vector<std::string> notes_;
};

/// Number `index` of an array of any type that `parse_npy` reads but f2, which is refused before.
double number_at(const NpyArray& array, size_t index);

/// The classes of `count` images: whole numbers [N] or [N, 1], of whatever type, or one-hot [N, K].
/// `DataError` starting with `name` for another shape or other numbers, several classes of one
/// image among them.
std::vector<int64_t> array_labels(const NpyArray& array, int64_t count, const std::string& name);

}  // namespace ddpm
