#pragma once

#include <atomic>
#include <memory>
#include <string>

namespace ddpm {

/// Tells work whether someone wants it to end early. Copies are of the same wish.
class StopToken {
 public:
  /// Nobody ever wants that.
  StopToken() = default;

  bool requested() const;

 private:
  friend class StopSource;
  friend StopToken signal_stop_token();

  std::shared_ptr<const std::atomic<bool>> flag_;
  bool of_signals_ = false;
};

/// Where a program asks for a stop of its own work, from any thread.
class StopSource {
 public:
  StopSource() : flag_(std::make_shared<std::atomic<bool>>(false)) {}

  void request() { flag_->store(true); }
  StopToken token() const;

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

/// The token of signals (see `catch_stop_signals`).
StopToken signal_stop_token();

/// Makes `token` the one that work of this thread asks, for as long as this lives; before the first
/// it is that of signals.
class StopScope {
 public:
  explicit StopScope(StopToken token);
  ~StopScope();
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  StopToken token_;
  const StopToken* before_;
};

/// From now on SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR2, SIGXCPU, SIGALRM and SIGPWR only say so
/// on stderr and make `stop_requested` true. The second of the first three, at least a tenth of a
/// second after the first, ends the program at once; the others, which terminals that are gone and
/// batch systems send, may come as often as they like. What was ignored before stays so.
void catch_stop_signals();

/// From now on SIGUSR1 does nothing but ask for a checkpoint.
void catch_checkpoint_signal();

/// True once someone has asked the work of this thread to stop.
bool stop_requested();

/// True once after SIGUSR1 has asked for a checkpoint.
bool take_checkpoint_request();

/// Thrown when work ends early because someone asked for a stop.
struct StopRequested {
  std::string progress = {};  // how far it had come, for people
  bool goes_on = true;        // whether the same command goes on from there
};

/// `StopRequested` if someone has asked for a stop.
void throw_if_stopped();

/// Asks for a stop as a signal would, without the message, or takes that back (for tests).
void request_stop(bool wanted = true);

}  // namespace ddpm
