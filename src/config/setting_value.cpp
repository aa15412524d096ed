#include "ddpm/config/setting_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <system_error>

#include "ddpm/config/synonyms.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/number.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Kind = RawValue::Kind;

constexpr size_t kMaxListItems = 16;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

/// The largest length up to `limit` that cuts no UTF-8 sequence of `text`.
size_t whole_characters(std::string_view text, size_t limit) {
  if (limit >= text.size()) return text.size();
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80)
    --limit;
  return limit;
}

/// What an error says was given.
std::string shown(const RawValue& value) {
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kPlain:
      return "'" + printable(value.text) + "'";
    case Kind::kQuoted:
      return "the quoted text \"" + printable(value.text) + "\"";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return {};
}

std::string list_words(std::span<const std::string_view> words) {
  return join({words.begin(), words.end()});
}

std::string lower_limit(const Range& range) {
  return (range.above_min ? "above " : "at least ") + format_number(range.min);
}

std::string upper_limit(const Range& range) {
  return (range.below_max ? "below " : "at most ") + format_number(range.max);
}

/// Written so that NaN fails both.
bool reaches_min(const Range& range, double number) {
  return range.above_min ? number > range.min : number >= range.min;
}

bool stays_under_max(const Range& range, double number) {
  return range.below_max ? number < range.max : number <= range.max;
}

/// YAML's spelling of infinity and NaN as that of `std::from_chars`.
std::string_view without_dot(std::string_view text) {
  for (const std::string_view word : {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})
    if (text == word) return text.substr(1);
  return text;
}

template <typename T>
std::errc parse_all(std::string_view text, T& number) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop != end) return std::errc::invalid_argument;
  return has_leading_zero(text) ? std::errc::invalid_argument : error;
}

/// Reads one value into the member that a slot points to.
class ValueReader {
 public:
  ValueReader(const Setting& setting, const RawValue& value, std::string_view origin)
      : setting_(setting),
        value_(value),
        origin_(origin) {}

  void operator()(bool* target) const {
    const bool plain = value_.kind == Kind::kPlain;
    if (!plain || (value_.text != "true" && value_.text != "false"))
      refuse("true or false", value_);
    *target = value_.text == "true";
  }

  void operator()(int64_t* target) const { *target = integer(value_); }
  void operator()(double* target) const { *target = number(value_); }
  void operator()(std::string* target) const { *target = text(value_); }

  void operator()(std::optional<int64_t>* target) const {
    if (value_.kind == Kind::kNull) {
      target->reset();
    } else {
      *target = integer(value_);
    }
  }

  void operator()(std::vector<int64_t>* target) const {
    *target =
        list<int64_t>("a list of integers", [this](const auto& item) { return integer(item); });
  }

  /// Data rather than a choice, so it may be long, or absent.
  void operator()(std::vector<double>* target) const {
    if (value_.kind != Kind::kList) refuse("a list of numbers", value_);
    std::vector<double> numbers;
    for (const auto& item : value_.items)
      numbers.push_back(number(item));
    *target = std::move(numbers);
  }

  void operator()(std::vector<std::string>* target) const {
    *target = list<std::string>("a list of texts", [this](const auto& item) { return text(item); });
  }

  void operator()(ImageSizeSlot slot) const {
    constexpr auto kExpected = "an integer, [height, width] or null";
    std::vector<int64_t> size;
    if (value_.kind == Kind::kList) {
      size = list<int64_t>(kExpected, [this](const auto& item) { return integer(item); });
    } else if (value_.kind == Kind::kPlain) {
      size = {integer(value_)};
    } else if (value_.kind != Kind::kNull) {
      refuse(kExpected, value_);
    }
    if (size.size() > 2) refuse_count(kExpected, size.size());
    *slot.target = size;
  }

  void operator()(PathSlot slot) const { *slot.target = expand_home(text(value_)); }

  void operator()(const EnumSlot& slot) const {
    if (is_text(value_) && slot.set(value_.text)) return;
    if (is_text(value_) && slot.set(value_synonym(setting_.key, value_.text))) return;
    refuse("one of " + list_words(slot.names()), value_);
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw UserError(origin_, ": ", setting_.key, " must be ", parts...);
  }

  [[noreturn]] void refuse(std::string_view expected, const RawValue& got) const {
    fail(expected, ", got ", shown(got));
  }

  [[noreturn]] void refuse_count(std::string_view expected, size_t count) const {
    fail(expected, ", got ", count, " entries");
  }

  static bool is_text(const RawValue& value) {
    return value.kind == Kind::kPlain || value.kind == Kind::kQuoted;
  }

  template <typename T>
  T parse(const RawValue& value, std::string_view expected) const {
    T number{};
    if (value.kind != Kind::kPlain) refuse(expected, value);
    const auto error = parse_all(without_dot(value.text), number);
    if (error == std::errc::result_out_of_range)
      fail(expected, " that fits into 64 bits, got ", printable(value.text));
    if (error != std::errc()) refuse(expected, value);
    return number;
  }

  int64_t integer(const RawValue& value) const {
    const auto number = parse<int64_t>(value, "an integer");
    check_range(static_cast<double>(number), value.text);
    check_choice(std::to_string(number));
    return number;
  }

  double number(const RawValue& value) const {
    const auto number = parse<double>(value, "a number");
    if (!std::isfinite(number)) fail("a finite number, got ", value.text);
    check_range(number, value.text);
    return number;
  }

  std::string text(const RawValue& value) const {
    if (!is_text(value)) refuse("a text", value);
    if (!is_utf8(value.text)) refuse("UTF-8 text", value);
    check_choice(value.text);
    return value.text;
  }

  void check_range(double number, std::string_view got) const {
    const Range& range = setting_.range;
    if (!reaches_min(range, number)) fail(lower_limit(range), ", got ", printable(got));
    if (!stays_under_max(range, number)) fail(upper_limit(range), ", got ", printable(got));
  }

  void check_choice(const std::string& text) const {
    const auto choices = setting_.choices;
    if (choices.empty() || std::ranges::find(choices, text) != choices.end()) return;
    fail("one of ", list_words(choices), ", got '", printable(text), "'");
  }

  template <typename T, typename ReadItem>
  std::vector<T> list(std::string_view expected, ReadItem read_item) const {
    if (value_.kind != Kind::kList) refuse(expected, value_);
    const auto& items = value_.items;
    if (items.empty()) fail(expected, " with at least one entry, got none");
    if (items.size() > kMaxListItems)
      fail("a list of at most ", kMaxListItems, " entries, got ", items.size());
    std::vector<T> values;
    std::ranges::transform(items, std::back_inserter(values), read_item);
    return values;
  }

  const Setting& setting_;
  const RawValue& value_;
  std::string_view origin_;
};

RawValue plain_list(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  RawValue list{.kind = Kind::kList};
  if (trim(text).empty()) return list;
  for (const auto& item : split(trim(text), ','))
    list.items.push_back({.kind = Kind::kPlain, .text = std::string(trim(item))});
  return list;
}

/// Whether a flag's text for an image size is a list.
bool looks_like_list(std::string_view text) {
  return text.starts_with('[') || text.find(',') != text.npos;
}

bool accepts_null(const Slot& slot) {
  return std::holds_alternative<std::optional<int64_t>*>(slot) ||
         std::holds_alternative<ImageSizeSlot>(slot);
}

bool is_list(const Slot& slot, std::string_view text) {
  if (std::holds_alternative<ImageSizeSlot>(slot)) return looks_like_list(text);
  return std::holds_alternative<std::vector<int64_t>*>(slot) ||
         std::holds_alternative<std::vector<double>*>(slot) ||
         std::holds_alternative<std::vector<std::string>*>(slot);
}

std::string limits(const Range& range) {
  std::vector<std::string> ends;
  if (std::isfinite(range.min)) ends.push_back(lower_limit(range));
  if (std::isfinite(range.max)) ends.push_back(upper_limit(range));
  return join(ends);
}

}  // namespace

RawValue raw_value(const Slot& slot, std::string_view text) {
  if (std::holds_alternative<std::string*>(slot) || std::holds_alternative<PathSlot>(slot))
    return {.kind = Kind::kPlain, .text = std::string(text)};
  text = trim(text);
  if (accepts_null(slot) && text == "null") return {};
  if (is_list(slot, text)) return plain_list(text);
  return {.kind = Kind::kPlain, .text = std::string(text)};
}

void assign(const Setting& setting, const RawValue& value, std::string_view origin) {
  std::visit(ValueReader(setting, value, origin), setting.slot);
}

std::string allowed_values(const Setting& setting) {
  if (const auto* slot = std::get_if<EnumSlot>(&setting.slot)) return list_words(slot->names());
  if (std::holds_alternative<bool*>(setting.slot)) return "true, false";
  if (!setting.choices.empty()) return list_words(setting.choices);
  return limits(setting.range);
}

std::string printable(std::string_view text) {
  constexpr size_t kMaxShown = 80;
  std::string line(text.substr(0, whole_characters(text, kMaxShown)));
  if (line.size() < text.size()) line += "...";
  std::ranges::replace_if(line, is_control, '?');
  return line;
}
}  // namespace ddpm
