#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace ddpm {

/// What `model_index.json` says of a pipeline folder.
struct PipelineIndex {
  std::string class_name;                    // of the pipeline; empty if it says none
  std::map<std::string, std::string> parts;  // class by name, but for those that are null
};

/// Reads `model_index.json` in `folder`; empty if there is none. `CheckpointError` naming the file
/// if it is no JSON object.
PipelineIndex load_pipeline_index(const std::filesystem::path& folder);

}  // namespace ddpm
