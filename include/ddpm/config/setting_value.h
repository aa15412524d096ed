#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ddpm/config/settings.h"

namespace ddpm {

/// A value as a person wrote it, before its type is known.
struct RawValue {
  enum class Kind { kNull, kPlain, kQuoted, kList, kMap };

  Kind kind = Kind::kNull;
  std::string text = {};             // of kPlain and kQuoted
  std::vector<RawValue> items = {};  // of kList; of kMap: key, value, key, value, ...
  int line = 0;                      // counted from 1; 0: not from a file
};

/// The text of a flag, split into the items of a list where `slot` holds one.
RawValue raw_value(const Slot& slot, std::string_view text);

/// Puts `value` into the setting's member. Numbers are decimal, without quotes, leading zeros or
/// plus sign; booleans are `true` and `false`. `UserError` `ORIGIN: KEY must be ..., got ...` for
/// anything else, and for what lies outside the range or the choices.
void assign(const Setting& setting, const RawValue& value, std::string_view origin);

/// What a setting accepts, in words: "at least 0, at most 1", "conv, resnet"; empty if anything.
std::string allowed_values(const Setting& setting);

/// `text` fit for an error of one line: control characters replaced, shortened if long.
std::string printable(std::string_view text);

}  // namespace ddpm
