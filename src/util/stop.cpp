#include "ddpm/util/stop.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include <unistd.h>

namespace ddpm {
namespace {

constexpr int64_t kOneWish = 100;  // milliseconds

volatile std::sig_atomic_t stop_flag = 0;
volatile std::sig_atomic_t checkpoint_flag = 0;
std::atomic<int64_t> asked_at = -1;  // milliseconds of a clock; -1: nobody has asked yet
thread_local const StopToken* current = nullptr;  // of the innermost StopScope

int64_t milliseconds() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void tell_of_stop() {
  static constexpr char kMessage[] =
      "\nddpm: stopping after this step; once more to stop at once\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
}

void on_warning(int) {
  const int code = errno;
  if (stop_flag == 0) tell_of_stop();
  stop_flag = 1;
  errno = code;
}

/// Timeout(1) sends its signal to the program and then to its group: that is one wish.
void on_wish(int signal) {
  const int64_t now = milliseconds();
  int64_t before = -1;
  if (asked_at.compare_exchange_strong(before, now)) return on_warning(signal);
  if (now - before < kOneWish) return;
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

void on_checkpoint_signal(int) {
  checkpoint_flag = 1;
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

/// Leaves alone what the program was started to ignore, as by nohup(1).
void handle_unless_ignored(int signal, void (*handler)(int)) {
  struct sigaction before {};
  sigaction(signal, nullptr, &before);
  if (before.sa_handler != SIG_IGN) handle(signal, handler);
}

}  // namespace

void catch_stop_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT})
    handle_unless_ignored(signal, on_wish);
  for (const int signal : {SIGHUP, SIGUSR2, SIGXCPU, SIGALRM, SIGPWR})
    handle_unless_ignored(signal, on_warning);
}

void catch_checkpoint_signal() {
  handle(SIGUSR1, on_checkpoint_signal);
}

bool StopToken::requested() const {
  return (of_signals_ && stop_flag != 0) || (flag_ != nullptr && flag_->load());
}

StopToken StopSource::token() const {
  StopToken token;
  token.flag_ = flag_;
  return token;
}

StopToken signal_stop_token() {
  StopToken token;
  token.of_signals_ = true;
  return token;
}

StopScope::StopScope(StopToken token) : token_(std::move(token)), before_(current) {
  current = &token_;
}

StopScope::~StopScope() {
  current = before_;
}

bool stop_requested() {
  return current == nullptr ? stop_flag != 0 : current->requested();
}

bool take_checkpoint_request() {
  if (checkpoint_flag == 0) return false;
  checkpoint_flag = 0;
  return true;
}

void throw_if_stopped() {
  if (stop_requested()) throw StopRequested();
}

void request_stop(bool wanted) {
  stop_flag = wanted ? 1 : 0;
  asked_at = -1;
}

}  // namespace ddpm
