#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace ddpm {

/// The number that the whole of `text` is, as names of files have it: in C's spelling without a
/// plus, with zeros before it or none; nothing if it is none or does not fit into T.
template <typename T>
std::optional<T> parse_padded_number(std::string_view text) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  if (code != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// Whether `number` begins like 010, which is 8 to some and 10 to others.
constexpr bool has_leading_zero(std::string_view number) {
  if (number.starts_with('-')) number.remove_prefix(1);
  return number.size() > 1 && number[0] == '0' && number[1] >= '0' && number[1] <= '9';
}

/// The number that a person has written: as `parse_padded_number`, but without zeros before it.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  return has_leading_zero(text) ? std::nullopt : parse_padded_number<T>(text);
}

}  // namespace ddpm
