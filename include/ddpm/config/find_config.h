#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

/// The file of this program, beside which configs are installed.
std::filesystem::path executable_path();

/// The settings file that `config` NAME means, with or without `.yaml`: the path as given, else
/// in `configs/` of the working folder, else among those installed with the program `executable`
/// (`../share/ddpm/configs`, and `../configs` in a build tree). `UserError` that lists the known
/// names and tells the nearest if there is none.
std::filesystem::path find_config(const std::string& name,
                                  const std::filesystem::path& executable = executable_path());

}  // namespace ddpm
