#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace ddpm {

/// The steps of the checkpoints in a run's folder `checkpoints`. A test failure for each that is
/// not as its checksums.json says, for a file of any other name, and for a link `last` to nothing.
std::set<int64_t> whole_checkpoints(const std::filesystem::path& folder);

/// Hidden folders in it: checkpoints that are just made or removed, or were when a crash came.
std::set<std::string> unfinished_checkpoints(const std::filesystem::path& folder);

/// A test failure unless all tensors of two checkpoints are the same to the last bit.
void expect_same_tensors(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace ddpm
