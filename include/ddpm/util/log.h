#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

/// Sets up the program's log: messages for people on stderr (none but warnings and errors if
/// `quiet`). Stdout is left to results.
void init_log(bool quiet);

/// Also appends every message, with date and time, to the file at `path`.
void add_log_file(const std::filesystem::path& path);

void log_info(const std::string& message);
/// What a person needs even when the program is quiet: how to go on.
void log_notice(const std::string& message);
/// Something that a person should know about but that does not stop the work.
void log_warning(const std::string& message);

/// Shows how far a long piece of work has come: on a terminal one line that is rewritten at most 10
/// times a second, elsewhere a plain line every `plain_seconds` at most. Silent when quiet.
class ProgressLine {
 public:
  explicit ProgressLine(double plain_seconds = 10.0);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// True if `show` would print now: spares making the text.
  bool due() const;
  void show(const std::string& text);
  /// Takes the line off the terminal.
  void clear();

 private:
  double plain_seconds_;
  double last_ = -1e9;
};

}  // namespace ddpm
