#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace ddpm {

/// The unsigned little-endian number of type `T` at `offset`. `std::out_of_range` past the end.
template <typename T>
T read_le(std::string_view bytes, size_t offset) {
  static_assert(std::is_unsigned_v<T>);
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= uint64_t{static_cast<uint8_t>(bytes.at(offset + i))} << (8 * i);
  }
  return static_cast<T>(value);
}

/// The unsigned 32-bit big-endian number at `offset`. `std::out_of_range` past the end.
inline uint32_t read_be32(std::string_view bytes, size_t offset) {
  return __builtin_bswap32(read_le<uint32_t>(bytes, offset));
}

/// Appends an unsigned number, least significant byte first.
template <typename T>
void append_le(std::string& out, T value) {
  static_assert(std::is_unsigned_v<T>);
  for (size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
  }
}

/// Appends a 32-bit number, most significant byte first.
inline void append_be32(std::string& out, uint32_t value) {
  append_le(out, __builtin_bswap32(value));
}

}  // namespace ddpm
