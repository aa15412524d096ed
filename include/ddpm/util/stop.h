#pragma once

#include <string>

namespace ddpm {

/// From now on the first SIGINT or SIGTERM only says so on stderr and makes `stop_requested` true;
/// the second ends the program at once.
void catch_stop_signals();

/// From now on SIGUSR1 does nothing but ask for a checkpoint.
void catch_checkpoint_signal();

/// True once a person or the system has asked the program to stop.
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
