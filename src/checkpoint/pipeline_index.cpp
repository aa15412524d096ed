#include "ddpm/checkpoint/pipeline_index.h"

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/config_reader.h"
#include "ddpm/checkpoint/json.h"

namespace ddpm {

using nlohmann::json;

PipelineIndex load_pipeline_index(const std::filesystem::path& folder) {
  const auto file = folder / "model_index.json";
  if (!std::filesystem::exists(file)) return {};
  const json object = load_json(file);
  const auto origin = file.string();
  PipelineIndex index;
  index.class_name = ConfigReader(object, origin).text("_class_name", "");
  for (const auto& [name, value] : object.items()) {
    const bool part = value.is_array() && value.size() == 2 && value[1].is_string();
    if (part && !name.starts_with('_')) index.parts[name] = value[1].get<std::string>();
  }
  return index;
}

}  // namespace ddpm
