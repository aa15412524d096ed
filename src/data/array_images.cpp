#include "ddpm/data/array_images.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "ddpm/data/bytes.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

bool is_channels(int64_t extent) {
  return extent == 1 || extent == 3;
}

double half_to_double(uint16_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1.0 : 1.0;
  const int exponent = (bits >> 10) & 0x1F;
  const int mantissa = bits & 0x3FF;
  if (exponent == 0x1F) return mantissa == 0 ? sign * HUGE_VAL : std::nan("");
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

double float_at(std::string_view bytes, size_t index, size_t size) {
  if (size == 2) return half_to_double(read_le<uint16_t>(bytes, index * size));
  if (size == 4) return std::bit_cast<float>(read_le<uint32_t>(bytes, index * size));
  return std::bit_cast<double>(read_le<uint64_t>(bytes, index * size));
}

// The smallest and the largest number; a number that is not finite makes both not finite.
std::pair<double, double> range_of(const NpyArray& array, size_t count) {
  double least = HUGE_VAL;
  double most = -HUGE_VAL;
  for (size_t i = 0; i < count; ++i) {
    const double value = number_at(array, i);
    if (!std::isfinite(value)) return {value, value};
    least = std::min(least, value);
    most = std::max(most, value);
  }
  return {least, most};
}

size_t count_of(const NpyArray& array) {
  return array.bytes.size() / static_cast<size_t>(array.dtype[1] - '0');
}

bool is_one_hot(const NpyArray& array, size_t row, size_t classes, int64_t& label) {
  size_t ones = 0;
  for (size_t i = 0; i < classes; ++i) {
    const double value = number_at(array, row * classes + i);
    if (value != 0.0 && value != 1.0) return false;
    if (value == 1.0) {
      ++ones;
      label = static_cast<int64_t>(i);
    }
  }
  return ones == 1;
}

}  // namespace

double number_at(const NpyArray& array, size_t index) {
  const auto size = static_cast<size_t>(array.dtype[1] - '0');
  if (array.dtype[0] == 'f') return float_at(array.bytes, index, size);
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<uint8_t>(array.bytes[index * size + i])} << (8 * i);
  }
  if (array.dtype[0] != 'i') return static_cast<double>(value);
  const auto unused = static_cast<int>(64 - 8 * size);
  return static_cast<double>(static_cast<int64_t>(value << unused) >> unused);
}

ArrayImages::ArrayImages(NpyArray array, const std::string& name) : array_(std::move(array)) {
  find_layout(name);
  find_range(name);
}

void ArrayImages::find_layout(const std::string& name) {
  const auto& shape = array_.shape;
  const bool grey = shape.size() == 3;
  const bool last = shape.size() == 4 && is_channels(shape[3]);
  channels_first_ = shape.size() == 4 && !last && is_channels(shape[1]);
  if (grey) {
    size_ = {shape[1], shape[2], 1};
  } else if (last) {
    size_ = {shape[1], shape[2], shape[3]};
  } else if (channels_first_) {
    size_ = {shape[2], shape[3], shape[1]};
    notes_.emplace_back("its axes are taken as [N, C, H, W]");
  } else {
    throw DataError(name,
                    ": expected [N, H, W], or [N, H, W, C] or [N, C, H, W] with C of 1 or 3, ",
                    "got ", array_.dtype, " with ", shape.size(), " dimensions",
                    shape.size() == 4 ? " and " + std::to_string(shape[3]) + " channels" : "");
  }
}

void ArrayImages::find_range(const std::string& name) {
  constexpr double kWhite = 255.0;
  constexpr double kWhiteOf16Bits = 65535.0;
  if (array_.dtype == "u1" || array_.bytes.empty()) return;
  const bool whole = array_.dtype[0] != 'f';
  const auto [least, most] = range_of(array_, count_of(array_));
  const auto range = [&](double from, double to) {
    offset_ = -from;
    scale_ = kWhite / (to - from);
    notes_.push_back("its values are taken as " + array_.dtype + " in [" + format_number(from) +
                     ", " + format_number(to) + "]");
  };
  if (array_.dtype == "b1") return range(0, 1);
  if (!whole && least < 0 && least >= -1 && most <= 1) return range(-1, 1);
  if (!whole && least >= 0 && most <= 1) return range(0, 1);
  if (least >= 0 && most <= kWhite) return range(0, kWhite);
  if (whole && least >= 0 && most <= kWhiteOf16Bits) return range(0, kWhiteOf16Bits);
  throw DataError(name, ": expected values in [0, 1], [-1, 1] or [0, 255], got ", array_.dtype,
                  " from ", least, " to ", most);
}

Image ArrayImages::image(int64_t index) const {
  const auto bytes = static_cast<size_t>(size_.bytes());
  const size_t first = static_cast<size_t>(index) * bytes;
  std::vector<uint8_t> values(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    const double value = (number_at(array_, first + i) + offset_) * scale_;
    values[i] = static_cast<uint8_t>(std::lround(value));
  }
  if (channels_first_) return from_chw(values.data(), size_);
  return {size_.height, size_.width, size_.channels, std::move(values)};
}

std::vector<int64_t> array_labels(const NpyArray& array, int64_t count, const std::string& name) {
  constexpr double kMost = 9e15;  // whole numbers are exact up to there
  const auto& shape = array.shape;
  const bool column = shape.size() == 2 && shape[1] == 1;
  if (shape.empty() || shape[0] != count || !(shape.size() == 1 || shape.size() == 2))
    throw DataError(name, ": expected ", count, " integer labels, got ", array.dtype, " with ",
                    shape.size(), " dimensions");
  std::vector<int64_t> labels(static_cast<size_t>(count));
  for (size_t i = 0; i < labels.size(); ++i) {
    if (shape.size() == 2 && !column) {
      if (is_one_hot(array, i, static_cast<size_t>(shape[1]), labels[i])) continue;
      throw DataError(name, ": expected one class an image, image ", i,
                      " has several or none; data.labels none reads the images without");
    }
    const double value = number_at(array, i);
    if (!(std::abs(value) <= kMost) || value != std::trunc(value))
      throw DataError(name, ": expected ", count, " integer labels, got ", array.dtype, " with ",
                      value);
    labels[i] = static_cast<int64_t>(value);
  }
  return labels;
}

}  // namespace ddpm
