#include "ddpm/util/utf8.h"

#include <algorithm>

namespace ddpm {
namespace {

/// Length of the sequence that `lead` begins, 0 if none may begin with it.
size_t utf8_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

/// Whether `second` may follow `lead`; excludes overlong forms, surrogates and beyond U+10FFFF.
bool utf8_second_fits(unsigned char lead, unsigned char second) {
  if (lead == 0xE0) return second >= 0xA0;
  if (lead == 0xED) return second < 0xA0;
  if (lead == 0xF0) return second >= 0x90;
  if (lead == 0xF4) return second < 0x90;
  return true;
}

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

bool is_utf8_sequence(std::string_view bytes) {
  const auto tail = bytes.substr(1);
  return tail.empty() || (std::all_of(tail.begin(), tail.end(), is_continuation) &&
                          utf8_second_fits(static_cast<unsigned char>(bytes[0]),
                                           static_cast<unsigned char>(bytes[1])));
}

}  // namespace

std::string_view first_character(std::string_view text) {
  const size_t length = utf8_length(static_cast<unsigned char>(text[0]));
  if (length == 0 || length > text.size()) return {};
  const auto sequence = text.substr(0, length);
  return is_utf8_sequence(sequence) ? sequence : std::string_view();
}

bool is_control(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string replace_controls(std::string_view text,
                             const std::function<std::string(unsigned char)>& replacement) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto character = text.substr(0, std::max<size_t>(1, first_character(text).size()));
    const auto last = static_cast<unsigned char>(character.back());
    if (is_control(character)) {
      result += replacement(last);
    } else {
      result += character;
    }
    text.remove_prefix(character.size());
  }
  return result;
}

}  // namespace ddpm
