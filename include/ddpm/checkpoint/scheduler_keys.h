#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace ddpm {

/// The part of a scheduler's config that diffusers' class `class_name` reads: the keys of its own
/// constructor and private ones (`_...`). Diffusers' `from_config` hands the keys of another
/// scheduler on into the file, where they mean nothing. Of a class that is not in the table, all.
nlohmann::json own_scheduler_keys(const nlohmann::json& object, std::string_view class_name);

}  // namespace ddpm
