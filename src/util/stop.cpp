#include "ddpm/util/stop.h"

#include <csignal>
#include <cstring>
#include <utility>

#include <unistd.h>

namespace ddpm {
namespace {

volatile std::sig_atomic_t stop_flag = 0;
volatile std::sig_atomic_t checkpoint_flag = 0;
thread_local const StopToken* current = nullptr;  // of the innermost StopScope

void on_signal(int signal) {
  if (stop_flag != 0) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  stop_flag = 1;
  static constexpr char kMessage[] =
      "\nddpm: stopping after this step; once more to stop at once\n";
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
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

}  // namespace

void catch_stop_signals() {
  handle(SIGINT, on_signal);
  handle(SIGTERM, on_signal);
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
}

}  // namespace ddpm
