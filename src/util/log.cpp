#include "ddpm/util/log.h"

#include <chrono>
#include <cstdio>
#include <mutex>

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

/// What the log needs to remember between calls.
struct Console {
  bool quiet = false;
  bool terminal = ::isatty(STDERR_FILENO) != 0;
  bool line_shown = false;
};

Console& console() {
  static Console instance;
  return instance;
}

double now_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

void clear_line() {
  if (!console().line_shown) return;
  std::fputs(kClearLine, stderr);
  console().line_shown = false;
}

}  // namespace

void init_log(bool quiet) {
  console().quiet = quiet;
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern(kConsolePattern);
  sink->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  auto logger = std::make_shared<spdlog::logger>("ddpm", std::move(sink));
  logger->flush_on(spdlog::level::info);
  logger->set_error_handler([](const std::string& message) {
    static std::once_flag said;
    std::call_once(said, [&] {
      clear_line();
      std::fprintf(stderr, "warning: the log cannot be written: %s\n", message.c_str());
    });
  });
  spdlog::set_default_logger(std::move(logger));
}

void add_log_file(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::exists(path, none) && !std::filesystem::is_regular_file(path, none))
    throw DiskError(path.string(), ": cannot write the log: it is no plain file");
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string());
    sink->set_pattern(kFilePattern);
    spdlog::default_logger()->sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    throw DiskError(path.string(), ": cannot write the log: ", error.what());
  }
}

void log_info(const std::string& message) {
  clear_line();
  spdlog::info(without_controls(message));
}

void log_notice(const std::string& message) {
  clear_line();
  spdlog::warn(without_controls(message));
}

void log_warning(const std::string& message) {
  clear_line();
  spdlog::warn("warning: " + one_line(message));
}

ProgressLine::ProgressLine(double plain_seconds) : plain_seconds_(plain_seconds) {}

ProgressLine::~ProgressLine() {
  clear();
}

bool ProgressLine::due() const {
  if (console().quiet) return false;
  return now_seconds() - last_ >= (console().terminal ? 0.1 : plain_seconds_);
}

void ProgressLine::show(const std::string& text) {
  if (!due()) return;
  last_ = now_seconds();
  if (console().terminal) {
    std::fprintf(stderr, "%s%s", kClearLine, without_controls(text).c_str());
    std::fflush(stderr);
    console().line_shown = true;
  } else {
    std::fprintf(stderr, "%s\n", without_controls(text).c_str());
  }
}

void ProgressLine::clear() {
  clear_line();
}

}  // namespace ddpm
