#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace ddpm {

/// The number that the whole of `text` is, in C's spelling without a plus; nothing if it is none or
/// does not fit into T.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  if (code != std::errc() || stop != end) return std::nullopt;
  return number;
}

}  // namespace ddpm
