#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ddpm {

/// Bytes that one byte of a deflate stream can hold at most.
inline constexpr uint64_t kMaxDeflateRatio = 1032;

/// `bytes` as a raw deflate stream.
std::string deflate_bytes(std::string_view bytes);

/// The `size` bytes that a raw deflate stream holds. `DataError` starting with `name` if it is
/// damaged or holds another number of bytes; a size it cannot hold is refused before memory is
/// taken.
std::string inflate_bytes(std::string_view packed, uint64_t size, const std::string& name);

}  // namespace ddpm
