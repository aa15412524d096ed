#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// The words with `separator` between them.
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

/// The text between separators; an empty text gives no words.
std::vector<std::string> split(std::string_view text, char separator);

/// The same, where a separator behind a backslash is part of a word.
std::vector<std::string> split_escaped(std::string_view text, char separator);

/// `text` with its ASCII letters in small.
std::string lower_case(std::string_view text);

/// `text` without blanks at both ends.
std::string_view trim(std::string_view text);

/// The candidate with the smallest edit distance to `word`; empty if there are no candidates.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// Whether `text` is well-formed UTF-8, so that YAML, JSON and PNG can hold it unchanged.
bool is_utf8(std::string_view text);

/// `text` with a question mark for each control character (U+0000 to U+001F, U+007F to U+009F) and
/// for what is no UTF-8, so that it drives no terminal.
std::string without_controls(std::string_view text);

/// Whether `text` has nothing of that, so that it is a name in files and messages.
bool is_plain_text(std::string_view text);

/// `without_controls`, and what is very long is shortened.
std::string one_line(std::string_view text);

/// The name of a field of a request in messages, in backquotes and with `_` for `-`: see
/// `UserError`.
std::string field_name(std::string_view word);

/// `text` with each name in backquotes replaced by what `flag_of` gives for it.
std::string replace_fields(std::string_view text,
                           const std::function<std::string(const std::string&)>& flag_of);

/// `word` as a shell reads it back: in quotes where it needs them.
std::string shell_quoted(const std::string& word);

/// Seconds of "90s", "10m", "1.5h" or "1h30m"; nothing for anything else.
std::optional<double> parse_duration(std::string_view text);

/// A time span for people: "47 s", "12:05", "3:04:05".
std::string format_duration(double seconds);

/// A number of bytes for people: "812 B", "3.4 MB", "1.2 GB" (powers of 1000).
std::string format_bytes(double bytes);

/// A number with so many digits after the point: "12.50", "-0.333"; "inf" and "nan" as such.
std::string format_fixed(double value, int digits);

/// A number that is not negative, with zeros in front up to `width` digits: "000042".
std::string zero_padded(int64_t number, size_t width);

/// The shortest text that reads back as the same number: "0.0002", "1e-08", "50".
std::string format_number(double value);

}  // namespace ddpm
