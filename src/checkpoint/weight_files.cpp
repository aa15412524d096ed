#include "ddpm/checkpoint/weight_files.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/model_path.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

constexpr std::string_view kEnding = ".safetensors";

/// Names of the folder's files for which `fits`, in order.
template <typename Fits>
std::vector<std::string> names_that(const fs::path& folder, const Fits& fits) {
  std::vector<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    auto name = entry.path().filename().string();
    if (fits(name)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

/// The files of an index, which must be there.
std::vector<fs::path> parts_of_index(const fs::path& index) {
  const json parsed = load_json(index);
  const json map = parsed.is_object() ? parsed.value("weight_map", json()) : json();
  if (!map.is_object() || map.empty())
    throw CheckpointError(index.string(), ": expected a weight_map of tensors and files");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map.items()) {
    const auto name = file.is_string() ? file.get<std::string>() : std::string();
    if (!name.ends_with(kEnding) || name.find_first_of(std::string_view("/\0", 2)) != name.npos)
      throw CheckpointError(index.string(), ": weight_map: expected names of safetensors files, ",
                            "got ", file.dump(), " for ", tensor);
    names.insert(name);
  }
  std::vector<fs::path> files;
  for (const auto& name : names) {
    files.push_back(index.parent_path() / name);
    if (!fs::exists(files.back()))
      throw CheckpointError(files.back().string(), ": missing, ", index.filename().string(),
                            " names it as a part of the weights");
  }
  return files;
}

[[noreturn]] void refuse(const fs::path& folder, const std::string& usual,
                         const std::vector<std::string>& found) {
  if (!found.empty())
    throw CheckpointError(folder.string(), ": expected the file ", usual, ", found ", join(found),
                          "; leave one of them, or name it so");
  const auto pickles = names_that(folder, [](const auto& name) {
    return is_pickle_name(name) && name != "optimizer.bin" && name != "scheduler.bin";
  });
  if (!pickles.empty())
    throw CheckpointError(folder.string(), ": has its weights in ", pickles.front(),
                          ", a pickle that could run code; 'ddpm convert ", folder.string(),
                          " NEW' makes a checkpoint of it without running any");
  throw CheckpointError(folder.string(), ": expected the file ", usual, describe_content(folder));
}

}  // namespace

std::vector<fs::path> find_weight_files(const fs::path& folder, const std::string& usual) {
  if (fs::exists(folder / usual)) return {folder / usual};
  const auto stem = fs::path(usual).stem().string() + ".";
  const auto indices = names_that(folder, [&](const auto& name) {
    return name.starts_with(stem) && name.find(".index.") != name.npos && name.ends_with(".json");
  });
  const bool plain = std::ranges::find(indices, usual + ".index.json") != indices.end();
  if (plain || indices.size() == 1)
    return parts_of_index(folder / (plain ? usual + ".index.json" : indices.front()));
  const auto all = names_that(folder, [](const auto& name) { return name.ends_with(kEnding); });
  std::vector<std::string> variants;
  std::ranges::copy_if(all, std::back_inserter(variants),
                       [&](const auto& name) { return name.starts_with(stem); });
  if (variants.size() == 1) return {folder / variants.front()};
  if (!variants.empty() || all.size() != 1)
    refuse(folder, usual, variants.empty() ? all : variants);
  log_info("weights: " + (folder / all.front()).string());
  return {folder / all.front()};
}

}  // namespace ddpm
