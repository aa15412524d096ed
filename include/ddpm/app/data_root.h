#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

/// `data.root` of a run's settings, seen from the working folder. A relative one is meant from the
/// folder that the run began in, which is that above `runs` for a run in `runs/NAME`: where that is
/// another folder, and what is meant is there, the root becomes absolute.
std::string root_of_run(const std::string& root, const std::filesystem::path& run);

/// `data.root` as someone types it now, for a run to keep. It stays relative if the run lies where
/// `root_of_run` finds it from any folder, and becomes absolute elsewhere.
std::string root_for_run(const std::string& root, const std::filesystem::path& run);

}  // namespace ddpm
