#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ddpm {

/// The bytes of the character that `text`, which is not empty, begins with; empty if that is none
/// of UTF-8.
std::string_view first_character(std::string_view text);

/// Whether a character is U+0000 to U+001F or U+007F to U+009F, which drive terminals.
bool is_control(std::string_view character);

/// `text` with `replacement(code)` for each control character; what is no UTF-8 stays as it is.
std::string replace_controls(std::string_view text,
                             const std::function<std::string(unsigned char)>& replacement);

}  // namespace ddpm
