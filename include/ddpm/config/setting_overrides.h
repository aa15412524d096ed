#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ddpm/config/config.h"

namespace ddpm {

/// Settings that someone gives beside a file or a checkpoint. Each is checked against the settings
/// table when it is put, so that applying them cannot fail.
class SettingOverrides {
 public:
  /// Puts one setting by the text of a flag ("3", "[1, 2]"), in place of an earlier one.
  /// `UserError` as of `set_setting`.
  void put(const std::string& key, const std::string& text);

  bool has(const std::string& key) const { return texts_.contains(key); }
  /// Whether any of them is of this section ("data").
  bool has_section(std::string_view section) const;

  /// Puts all of them into `config`.
  void apply(Config& config) const;
  /// Puts those of one section into `config`.
  void apply(Config& config, std::string_view section) const;

  /// By key, as they were given.
  const std::map<std::string, std::string>& texts() const { return texts_; }

 private:
  std::map<std::string, std::string> texts_;
};

}  // namespace ddpm
