#pragma once

#include <CLI/CLI.hpp>

namespace ddpm {

/// Adds `ddpm train` to the program; it runs when its words are parsed.
void add_train_command(CLI::App& app);

}  // namespace ddpm
