#include "ddpm/util/stop.h"

#include <csignal>
#include <cstring>

#include <unistd.h>

namespace ddpm {
namespace {

volatile std::sig_atomic_t stop_flag = 0;

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

}  // namespace

void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() {
  return stop_flag != 0;
}

void throw_if_stopped() {
  if (stop_requested()) throw StopRequested();
}

void request_stop() {
  stop_flag = 1;
}

}  // namespace ddpm
