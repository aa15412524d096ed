#include "ddpm/checkpoint/config_reader.h"

#include <algorithm>
#include <cmath>

namespace ddpm {

using nlohmann::json;

namespace {

constexpr int64_t kMaxNumber = 1 << 20;
constexpr size_t kMaxIntegers = 64;

}  // namespace

ConfigReader::ConfigReader(const json& object, const std::string& origin)
    : object_(object),
      origin_(origin) {
  if (!object.is_object()) throw CheckpointError(origin, ": expected a JSON object");
}

int64_t ConfigReader::integer(const std::string& key, int64_t fallback) {
  return optional_integer(key, fallback).value_or(fallback);
}

std::optional<int64_t> ConfigReader::optional_integer(const std::string& key,
                                                      std::optional<int64_t> fallback) {
  const auto* value = find(key);
  if (value == nullptr) return fallback;
  if (value->is_null()) return std::nullopt;
  return checked_integer(key, *value);
}

double ConfigReader::number(const std::string& key, double fallback) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_number()) fail(key, "expected a number", *value);
  return value->get<double>();
}

bool ConfigReader::boolean(const std::string& key, bool fallback) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_boolean()) fail(key, "expected true or false", *value);
  return value->get<bool>();
}

std::string ConfigReader::text(const std::string& key, const std::string& fallback) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_string()) fail(key, "expected a text", *value);
  return value->get<std::string>();
}

std::vector<int64_t> ConfigReader::integers(const std::string& key, std::vector<int64_t> fallback) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (value->is_number()) return {checked_integer(key, *value)};
  if (!value->is_array() || value->size() > kMaxIntegers)
    fail(key, "expected a list of at most 64 whole numbers", *value);
  std::vector<int64_t> numbers;
  for (const auto& item : *value)
    numbers.push_back(checked_integer(key, item));
  return numbers;
}

std::vector<double> ConfigReader::numbers(const std::string& key, std::vector<double> fallback) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_array()) fail(key, "expected a list of numbers", *value);
  std::vector<double> numbers;
  for (const auto& item : *value) {
    if (!item.is_number()) fail(key, "expected a list of numbers", item);
    numbers.push_back(item.get<double>());
  }
  return numbers;
}

std::vector<std::string> ConfigReader::texts(const std::string& key,
                                             std::vector<std::string> fallback) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_array()) fail(key, "expected a list of texts", *value);
  std::vector<std::string> texts;
  for (const auto& item : *value) {
    if (!item.is_string()) fail(key, "expected a list of texts", *value);
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

void ConfigReader::require(const std::string& key, const json& expected) {
  const auto* value = find(key);
  if (value == nullptr || value->is_null() || *value == expected) return;
  refuse(key);
}

void ConfigReader::refuse(const std::string& key) const {
  throw CheckpointError(origin_, ": ", key, " ", object_.at(key).dump(), " is not supported");
}

void ConfigReader::refuse_unknown(std::span<const std::string_view> harmless) const {
  for (const auto& [key, value] : object_.items()) {
    const bool off = value.is_null() || value == json(false);
    const bool passed_over =
        off || key.starts_with('_') || std::ranges::find(harmless, key) != harmless.end();
    if (!passed_over && !asked_.contains(key)) {
      throw CheckpointError(origin_, ": ", key, " ", value.dump(), " is not supported");
    }
  }
}

const json* ConfigReader::find(const std::string& key) {
  asked_.insert(key);
  const auto found = object_.find(key);
  return found == object_.end() ? nullptr : &*found;
}

int64_t ConfigReader::checked_integer(const std::string& key, const json& value) const {
  const bool whole =
      value.is_number_integer() || value.is_number_unsigned() ||
      (value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
  if (!whole || value.get<double>() < 0 || value.get<double>() > kMaxNumber) {
    fail(key, "expected a whole number from 0 to " + std::to_string(kMaxNumber), value);
  }
  return value.get<int64_t>();
}

void ConfigReader::fail(const std::string& key, const std::string& expected,
                        const json& value) const {
  throw CheckpointError(origin_, ": ", key, ": ", expected, ", got ", value.dump());
}

}  // namespace ddpm
