#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "ddpm/config/names.h"
#include "ddpm/util/error.h"

namespace ddpm {

/// Version of diffusers whose layout is written, and with which it was checked.
inline constexpr const char* kDiffusersVersion = "0.42.1";

/// Reads keys of a diffusers config with type checks, and knows which nobody asked for. A key that
/// is absent or null has the fallback. Every mistake is a `CheckpointError` starting with the
/// origin and naming the key.
class ConfigReader {
 public:
  /// Both must outlive the reader.
  ConfigReader(const nlohmann::json& object, const std::string& origin);

  /// Whole numbers from 0 to 2^20, which stops absurd allocations.
  int64_t integer(const std::string& key, int64_t fallback);
  /// Nothing where the file says null; the fallback only where the key is absent.
  std::optional<int64_t> optional_integer(const std::string& key, std::optional<int64_t> fallback);
  double number(const std::string& key, double fallback);
  bool boolean(const std::string& key, bool fallback);
  std::string text(const std::string& key, const std::string& fallback);
  /// A single number counts as a list of one.
  std::vector<int64_t> integers(const std::string& key, std::vector<int64_t> fallback);
  std::vector<double> numbers(const std::string& key, std::vector<double> fallback);
  std::vector<std::string> texts(const std::string& key, std::vector<std::string> fallback);

  /// The enum's value for the text.
  template <typename E>
  E choice(const std::string& key, E fallback) {
    const auto name = text(key, std::string(to_name(fallback)));
    const auto value = from_name<E>(name);
    if (!value) throw CheckpointError(origin_, ": ", key, " '", name, "' is not supported");
    return *value;
  }

  /// Refuses the value of `key`, whatever it is.
  [[noreturn]] void refuse(const std::string& key) const;
  /// Refuses any value but `expected` and null.
  void require(const std::string& key, const nlohmann::json& expected);
  /// Refuses keys that nobody asked for, but for private ones (`_...`), those that say "off", and
  /// the `harmless` ones, which cannot change what the file describes.
  void refuse_unknown(std::span<const std::string_view> harmless) const;

 private:
  const nlohmann::json* find(const std::string& key);
  int64_t checked_integer(const std::string& key, const nlohmann::json& value) const;
  [[noreturn]] void fail(const std::string& key, const std::string& expected,
                         const nlohmann::json& value) const;

  const nlohmann::json& object_;
  const std::string& origin_;
  std::set<std::string> asked_;
};

/// Runs `check`, rules of settings, on what the file `origin` says: their `UserError` is a
/// `CheckpointError` that names the file.
template <typename Check>
void check_rules_of_file(const std::string& origin, const Check& check) {
  try {
    check();
  } catch (const UserError& error) {
    throw CheckpointError(origin, ": ", error.what());
  }
}

}  // namespace ddpm
