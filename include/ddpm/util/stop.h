#pragma once

namespace ddpm {

/// From now on the first SIGINT or SIGTERM only says so on stderr and makes `stop_requested` true;
/// the second ends the program at once.
void catch_stop_signals();

/// True once a person or the system has asked the program to stop.
bool stop_requested();

/// Asks for a stop as a signal would, without the message (for tests).
void request_stop();

}  // namespace ddpm
