#pragma once

#include <CLI/CLI.hpp>

namespace ddpm {

/// Adds `ddpm sample` to the program; it runs when its words are parsed.
void add_sample_command(CLI::App& app);

}  // namespace ddpm
