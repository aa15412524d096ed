#pragma once

#include <string_view>

namespace ddpm {

/// The part of a dataset, `train`, `val` or `test`, that people mean by the name of a folder or an
/// array (`Training`, `valid`, `dev`, `holdout`, ...), in any case; empty if it means none.
std::string_view split_of_name(std::string_view name);

/// Whether `name` means the same part as `other` by a more usual word.
bool is_more_usual(std::string_view name, std::string_view other);

}  // namespace ddpm
