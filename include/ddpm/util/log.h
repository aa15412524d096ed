#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

namespace ddpm {

/// What a message is to its reader.
enum class LogLevel {
  kInfo,
  kNotice,   // what a person needs even when the program is quiet: how to go on
  kWarning,  // what a person should know about, but that does not stop the work
};

void log_info(const std::string& message);
void log_notice(const std::string& message);
void log_warning(const std::string& message);

// Messages, and how far work has come, go nowhere until one of these says where.

/// Sets up the program's log: messages for people on stderr (none but notices and warnings if
/// `quiet`), each as `shown` gives it. Stdout is left to results.
void init_log(
    bool quiet, std::function<std::string(const std::string&)> shown = [](const std::string& text) {
      return text;
    });

/// Appends every message, with date and time, to a file for as long as this lives.
class LogFile {
 public:
  /// `DiskError` if the file cannot be written, or `path` is no plain file.
  explicit LogFile(const std::filesystem::path& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

 private:
  std::shared_ptr<void> sink_;
};

/// Hands every message, and every text of a progress line, to functions for as long as this lives.
/// They may be called on any thread, one at a time.
class LogListener {
 public:
  using OnMessage = std::function<void(LogLevel level, const std::string& message)>;
  using OnProgress = std::function<void(const std::string& text)>;

  explicit LogListener(OnMessage on_message, OnProgress on_progress = {});
  ~LogListener();
  LogListener(const LogListener&) = delete;
  LogListener& operator=(const LogListener&) = delete;

 private:
  std::shared_ptr<void> listener_;
};

/// Shows how far a long piece of work has come: on a terminal one line that is rewritten at most 10
/// times a second, elsewhere a plain line every `plain_seconds` at most. Silent when quiet.
class ProgressLine {
 public:
  explicit ProgressLine(double plain_seconds = 10.0);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// True if `show` would show now: spares making the text.
  bool due() const;
  void show(const std::string& text);
  /// Takes the line off the terminal.
  void clear();

 private:
  double plain_seconds_;
  double last_ = -1e9;
};

/// Tells how far work of a known size has come, and how long it will still take.
class WorkProgress {
 public:
  /// `done` of `total` was done before.
  explicit WorkProgress(double total, double done = 0.0);

  /// Shows "WHAT  12:05 left" if it is time for a line and some work has been done since the start;
  /// `what` is called only then.
  void at(double done, const std::function<std::string()>& what);

 private:
  double total_;
  double first_;
  double start_;
  ProgressLine line_;
};

}  // namespace ddpm
