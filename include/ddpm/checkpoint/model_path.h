#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

/// The folder that a person means by `path`: the one of a file of a model (`model_index.json`, a
/// config, weights), the snapshot of a folder of the Hugging Face cache that `refs/main` names, or
/// `path` itself. `CheckpointError` that says what to do for a pickle, for any other file, for a
/// cache with several models, and for the name of a model on the hub.
std::filesystem::path meant_model_folder(const std::filesystem::path& path);

/// "; it holds A, B and 3 more", for messages about a folder in which something is missing; with
/// the way out where a part of it is a model, or a pickle is there.
std::string describe_content(const std::filesystem::path& folder);

/// True for the names of files that Python's pickle reads: `.bin`, `.pt`, `.pth`, `.ckpt`, `.pkl`.
bool is_pickle_name(const std::filesystem::path& file);

}  // namespace ddpm
