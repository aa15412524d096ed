#pragma once

#include "ddpm/util/error.h"

namespace CLI {
class App;
}

namespace ddpm {

// Each adds a command to the program, which runs when its words are parsed and leaves the program's
// exit code in `exit_code`.

void add_train_command(CLI::App& app, ExitCode& exit_code);
void add_sample_command(CLI::App& app, ExitCode& exit_code);
void add_eval_command(CLI::App& app, ExitCode& exit_code);
void add_schedule_command(CLI::App& app, ExitCode& exit_code);
void add_convert_command(CLI::App& app, ExitCode& exit_code);

}  // namespace ddpm
