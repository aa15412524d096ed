#pragma once

#include "ddpm/util/error.h"

namespace CLI {
class App;
}

namespace ddpm {

/// Adds `ddpm convert` to the program; it runs when its words are parsed, and leaves the program's
/// exit code in `exit_code`.
void add_convert_command(CLI::App& app, ExitCode& exit_code);

}  // namespace ddpm
