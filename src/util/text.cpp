#include "ddpm/util/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#include "ddpm/util/utf8.h"

namespace ddpm {
namespace {

/// Levenshtein's distance, one row of the table at a time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

std::string shortest(double value, std::chars_format format) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format).ptr;
  return {text.data(), end};
}

}  // namespace

std::string join(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += separator;
    text += words[i];
  }
  return text;
}

std::vector<std::string> split(std::string_view text, char separator) {
  if (text.empty()) return {};
  std::vector<std::string> words;
  for (size_t end = text.find(separator); end != text.npos; end = text.find(separator)) {
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  words.emplace_back(text);
  return words;
}

std::vector<std::string> split_escaped(std::string_view text, char separator) {
  std::vector<std::string> words;
  bool goes_on = false;
  for (auto& part : split(text, separator)) {
    const bool escaped = part.ends_with('\\');
    if (escaped) part.back() = separator;
    if (goes_on)
      words.back() += part;
    else
      words.push_back(std::move(part));
    goes_on = escaped;
  }
  return words;
}

std::string lower_case(std::string_view text) {
  std::string small(text);
  for (auto& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const auto closest = std::ranges::min_element(
      candidates, {},
      [word](const std::string& candidate) { return edit_distance(word, candidate); });
  return closest == candidates.end() ? std::string() : *closest;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto sequence = first_character(text);
    if (sequence.empty()) return false;
    text.remove_prefix(sequence.size());
  }
  return true;
}

bool is_plain_text(std::string_view text) {
  return without_controls(text) == text;
}

std::string without_controls(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const auto sequence = first_character(text);
    const bool shows = !sequence.empty() && !is_control(sequence);
    plain += shows ? sequence : "?";
    text.remove_prefix(std::max<size_t>(1, sequence.size()));
  }
  return plain;
}

std::string one_line(std::string_view text) {
  constexpr size_t kMaxBytes = 2000;
  return without_controls(text.substr(0, kMaxBytes)) + (text.size() > kMaxBytes ? "..." : "");
}

std::string field_name(std::string_view word) {
  std::string name(word);
  std::ranges::replace(name, '-', '_');
  return "`" + name + "`";
}

std::string replace_fields(std::string_view text,
                           const std::function<std::string(const std::string&)>& flag_of) {
  const auto is_name = [](std::string_view word) {
    return !word.empty() && std::ranges::all_of(word, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
  };
  std::string out;
  size_t place = 0;
  for (;;) {
    const auto open = text.find('`', place);
    const auto close = open == text.npos ? open : text.find('`', open + 1);
    if (close == text.npos) return out + std::string(text.substr(place));
    const auto word = text.substr(open + 1, close - open - 1);
    if (is_name(word)) {
      out += std::string(text.substr(place, open - place)) + flag_of(std::string(word));
      place = close + 1;
    } else {
      out += text.substr(place, close - place);
      place = close;
    }
  }
}

std::string shell_quoted(const std::string& word) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("-_./:=,+", c); };
  if (!word.empty() && std::ranges::all_of(word, plain)) return word;
  std::string quoted = "'";
  for (const char c : word)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::optional<double> parse_duration(std::string_view text) {
  double seconds = 0.0;
  const char* place = text.data();
  const char* const end = place + text.size();
  while (place != end) {
    double number = 0.0;
    const auto [stop, code] = std::from_chars(place, end, number);
    const double unit = stop == end ? 0 : *stop == 'h' ? 3600 : *stop == 'm' ? 60 : *stop == 's';
    if (code != std::errc() || unit == 0 || !(number >= 0)) return std::nullopt;
    seconds += number * unit;
    place = stop + 1;
  }
  return seconds > 0 && seconds <= 6e7 ? std::optional(seconds) : std::nullopt;
}

std::string format_duration(double seconds) {
  constexpr double kMax = 1e12;
  if (std::isnan(seconds)) return "?";
  const auto total = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, kMax)));
  const long long hours = total / 3600;
  const long long minutes = total / 60 % 60;
  const auto seconds_text = zero_padded(total % 60, 2);
  if (hours > 0) return std::to_string(hours) + ":" + zero_padded(minutes, 2) + ":" + seconds_text;
  if (minutes > 0) return std::to_string(minutes) + ":" + seconds_text;
  return std::to_string(total) + " s";
}

std::string format_bytes(double bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  // From here on one decimal would read as 1000.0.
  while (unit + 1 < kUnits.size() && bytes >= (unit == 0 ? 999.5 : 999.95)) {
    bytes /= 1000;
    ++unit;
  }
  return format_fixed(bytes, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

std::string format_fixed(double value, int digits) {
  std::array<char, 512> text{};  // the largest double has 309 digits
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string zero_padded(int64_t number, size_t width) {
  const auto digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), '0') + digits;
}

std::string format_number(double value) {
  if (!std::isfinite(value)) return shortest(value, std::chars_format::general);
  std::string scientific = shortest(value, std::chars_format::scientific);
  const long exponent = std::strtol(scientific.c_str() + scientific.find('e') + 1, nullptr, 10);
  if (exponent < -4 || exponent > 15) return scientific;
  return shortest(value, std::chars_format::fixed);
}

}  // namespace ddpm
