#include "ddpm/util/log.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>
#include <vector>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr const char* kConsolePattern = "%v";
constexpr const char* kFilePattern = "%Y-%m-%d %H:%M:%S %L %v";
constexpr const char* kClearLine = "\r\033[K";
constexpr double kTerminalSeconds = 0.1;  // between two texts of a progress line

struct Listener {
  LogListener::OnMessage on_message;
  LogListener::OnProgress on_progress;
};

/// Where messages go, and what the console shows.
struct Log {
  std::mutex mutex;
  spdlog::logger logger{"ddpm"};  // of the console and of files
  std::vector<std::shared_ptr<Listener>> listeners;
  std::function<std::string(const std::string&)> shown;  // empty: there is no console
  bool quiet = false;
  bool terminal = ::isatty(STDERR_FILENO) != 0;
  bool line_shown = false;
};

Log& log() {
  static Log instance;
  return instance;
}

double now_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void clear_line() {
  if (!log().line_shown) return;
  std::fputs(kClearLine, stderr);
  log().line_shown = false;
}

void warn_once_of_log(const std::string& message) {
  static std::once_flag said;
  std::call_once(said, [&] {
    clear_line();
    std::fprintf(stderr, "warning: the log cannot be written: %s\n", message.c_str());
  });
}

void write(LogLevel level, const std::string& message) {
  auto& to = log();
  const std::lock_guard lock(to.mutex);
  clear_line();
  const auto text = to.shown ? to.shown(message) : message;
  if (level == LogLevel::kInfo) to.logger.info(without_controls(text));
  if (level == LogLevel::kNotice) to.logger.warn(without_controls(text));
  if (level == LogLevel::kWarning) to.logger.warn("warning: " + one_line(text));
  for (const auto& listener : to.listeners)
    if (listener->on_message) listener->on_message(level, message);
}

}  // namespace

void log_info(const std::string& message) {
  write(LogLevel::kInfo, message);
}

void log_notice(const std::string& message) {
  write(LogLevel::kNotice, message);
}

void log_warning(const std::string& message) {
  write(LogLevel::kWarning, message);
}

void init_log(bool quiet, std::function<std::string(const std::string&)> shown) {
  auto& to = log();
  to.quiet = quiet;
  to.shown = std::move(shown);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern(kConsolePattern);
  sink->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  to.logger.sinks() = {std::move(sink)};
  to.logger.flush_on(spdlog::level::info);
  to.logger.set_error_handler(warn_once_of_log);
}

LogFile::LogFile(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none))
    throw DiskError(path.string(), ": cannot write the log: it is no plain file");
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_pattern(kFilePattern);
    const std::lock_guard lock(log().mutex);
    log().logger.sinks().push_back(sink);
    log().logger.flush_on(spdlog::level::info);
    sink_ = std::move(sink);
  } catch (const spdlog::spdlog_ex& error) {
    throw DiskError(path.string(), ": cannot write the log: ", error.what());
  }
}

LogFile::~LogFile() {
  const std::lock_guard lock(log().mutex);
  std::erase(log().logger.sinks(), std::static_pointer_cast<spdlog::sinks::sink>(sink_));
}

LogListener::LogListener(OnMessage on_message, OnProgress on_progress) {
  auto listener =
      std::make_shared<Listener>(Listener{std::move(on_message), std::move(on_progress)});
  const std::lock_guard lock(log().mutex);
  log().listeners.push_back(listener);
  listener_ = std::move(listener);
}

LogListener::~LogListener() {
  const std::lock_guard lock(log().mutex);
  std::erase(log().listeners, std::static_pointer_cast<Listener>(listener_));
}

ProgressLine::ProgressLine(double plain_seconds) : plain_seconds_(plain_seconds) {}

ProgressLine::~ProgressLine() {
  clear();
}

bool ProgressLine::due() const {
  auto& to = log();
  const std::lock_guard lock(to.mutex);
  const bool console = to.shown && !to.quiet;
  if (!console && to.listeners.empty()) return false;
  const bool often = to.terminal || !to.listeners.empty();
  return now_seconds() - last_ >= (often ? kTerminalSeconds : plain_seconds_);
}

void ProgressLine::show(const std::string& text) {
  if (!due()) return;
  last_ = now_seconds();
  auto& to = log();
  const std::lock_guard lock(to.mutex);
  for (const auto& listener : to.listeners)
    if (listener->on_progress) listener->on_progress(text);
  if (!to.shown || to.quiet) return;
  if (to.terminal) {
    std::fprintf(stderr, "%s%s", kClearLine, without_controls(text).c_str());
    std::fflush(stderr);
    to.line_shown = true;
  } else {
    std::fprintf(stderr, "%s\n", without_controls(text).c_str());
  }
}

void ProgressLine::clear() {
  clear_line();
}

WorkProgress::WorkProgress(double total, double done)
    : total_(total),
      first_(done),
      start_(now_seconds()) {}

void WorkProgress::at(double done, const std::function<std::string()>& what) {
  if (!line_.due() || done <= first_) return;
  const double left = (now_seconds() - start_) * (total_ - done) / (done - first_);
  line_.show(what() + "  " + format_duration(left) + " left");
}

}  // namespace ddpm
