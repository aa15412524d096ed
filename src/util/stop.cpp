#include "ddpm/util/stop.h"

#include <csignal>
#include <cstring>

#include <unistd.h>

namespace ddpm {
namespace {

volatile std::sig_atomic_t stop_flag = 0;
volatile std::sig_atomic_t checkpoint_flag = 0;

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

bool stop_requested() {
  return stop_flag != 0;
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
