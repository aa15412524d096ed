#pragma once

#include "ddpm/util/error.h"

namespace CLI {
class App;
}

namespace ddpm {

/// Adds `ddpm schedule` to the program; it runs when its words are parsed, and leaves the program's
/// exit code in `exit_code`.
void add_schedule_command(CLI::App& app, ExitCode& exit_code);

}  // namespace ddpm
