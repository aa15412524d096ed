#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace ddpm {

/// What a run of a program left behind.
struct CommandResult {
  int exit_code = -1;  // 128 + the signal if one ended it
  std::string out;
  std::string err;

  /// Lines of stderr.
  size_t error_lines() const;
};

/// Descriptors for a program's standard streams.
struct StandardStreams {
  static constexpr int kUsual = -1;  // as the tests' own stdin; files for the others
  static constexpr int kClosed = -2;

  int in = kUsual;
  int out = kUsual;
  int err = kUsual;
};

/// A program that runs in the background.
class BackgroundCommand {
 public:
  /// Starts the real `ddpm` with `words` in the folder `where`.
  BackgroundCommand(const std::vector<std::string>& words, const std::filesystem::path& where,
                    const StandardStreams& streams = {});
  ~BackgroundCommand();
  BackgroundCommand(const BackgroundCommand&) = delete;
  BackgroundCommand& operator=(const BackgroundCommand&) = delete;

  int pid() const { return pid_; }
  void send(int signal) const;
  /// What it has said on stderr so far.
  std::string err() const;
  /// Waits until `happened`. False if the program ends before, or does not come to it in a minute.
  bool wait_until(const std::function<bool()>& happened) const;
  /// Waits until it ends.
  CommandResult wait();

 private:
  int pid_ = -1;
  std::filesystem::path out_;
  std::filesystem::path err_;
};

/// Runs the real `ddpm` with `words` in the folder `where`.
CommandResult run_ddpm(const std::vector<std::string>& words, const std::filesystem::path& where);

}  // namespace ddpm
