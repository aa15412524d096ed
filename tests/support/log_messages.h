#pragma once

#include <string>

#include "ddpm/util/log.h"

namespace ddpm {

/// Keeps the messages that the log is given while it lives.
class LogMessages {
 public:
  bool have(const std::string& text) const { return all_.find(text) != std::string::npos; }
  /// One a line.
  const std::string& all() const { return all_; }

 private:
  std::string all_;
  LogListener listener_{[this](LogLevel, const std::string& message) { all_ += message + "\n"; }};
};

}  // namespace ddpm
