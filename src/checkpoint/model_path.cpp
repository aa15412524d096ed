#include "ddpm/checkpoint/model_path.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kMaxRefBytes = 256;

/// Names in the folder, in order; those of folders end with a slash.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const bool is_folder = entry->is_directory(code);
    names.push_back(entry->path().filename().string() + (is_folder ? "/" : ""));
  }
  std::ranges::sort(names);
  return names;
}

bool is_model_folder(const fs::path& folder) {
  std::error_code code;
  return std::ranges::any_of(std::to_array({"model_index.json", "unet/config.json", "config.json",
                                            "classifier/config.json"}),
                             [&](const char* file) { return fs::exists(folder / file, code); });
}

fs::path parent_of_model_file(const fs::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

/// The folder of a model to which this file belongs.
fs::path folder_of_file(const fs::path& file) {
  if (is_pickle_name(file))
    throw CheckpointError(file.string(), ": a pickle, which could run code; 'ddpm convert ",
                          file.string(), " FOLDER' makes a checkpoint of it without running any");
  const auto name = file.filename().string();
  const bool known = name == "model_index.json" || name == "config.json" || name == "config.yaml" ||
                     name == "scheduler_config.json" || name.ends_with(".safetensors") ||
                     name.ends_with(".safetensors.index.json");
  if (!known)
    throw CheckpointError(file.string(),
                          ": a file, expected a run, a checkpoint or a diffusers model");
  const auto parent = parent_of_model_file(file);
  const auto part = parent.filename();
  const bool inside = part == "unet" || part == "classifier" || part == "scheduler";
  return inside ? parent_of_model_file(parent) : parent;
}

/// The snapshot of a model in the cache of the Hugging Face hub, whose folder has `snapshots`.
fs::path snapshot_of(const fs::path& cached) {
  const auto main = cached / "refs" / "main";
  std::error_code code;
  if (fs::exists(main, code)) {
    const auto commit = std::string(trim(read_file(main, kMaxRefBytes)));
    const bool plain = !commit.empty() && commit.find_first_of("/.") == commit.npos;
    if (plain && fs::is_directory(cached / "snapshots" / commit, code))
      return cached / "snapshots" / commit;
  }
  const auto snapshots = names_in(cached / "snapshots");
  if (snapshots.size() == 1) return clean_path(cached / "snapshots" / snapshots[0]);
  throw CheckpointError(cached.string(), ": holds ", snapshots.size(),
                        " snapshots of a model, of which refs/main names none; give one: ",
                        (cached / "snapshots").string(), "/", join(snapshots, " "));
}

/// `folder` itself unless it is a cache of the hub.
fs::path behind_hub_cache(const fs::path& folder) {
  std::error_code code;
  if (fs::is_directory(folder / "snapshots", code) && !is_model_folder(folder)) {
    const auto snapshot = snapshot_of(folder);
    log_info("model: " + snapshot.string());
    return snapshot;
  }
  std::vector<std::string> models;
  for (const auto& name : names_in(folder))
    if (name.starts_with("models--") && name.ends_with('/')) models.push_back(name);
  if (models.empty()) return folder;
  throw CheckpointError(folder.string(), ": a cache of the Hugging Face hub; give one of its ",
                        "models: ", join(models, " "));
}

/// "owner/name" if a path, or the address of a page, can be a model's name on the hub.
std::string hub_name(const fs::path& path) {
  constexpr std::string_view kHub = "huggingface.co/";
  std::string text = path.string();
  const auto place = text.find(kHub);
  if (place != text.npos) text = text.substr(place + kHub.size());
  auto parts = split(text, '/');
  if (place != text.npos && parts.size() > 2) parts.resize(2);
  const auto is_word = [](const std::string& part) {
    return !part.empty() && part[0] != '.' && part[0] != '~' &&
           std::ranges::all_of(part, [](unsigned char c) {
             return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
           });
  };
  const bool named = parts.size() == 2 && std::ranges::all_of(parts, is_word);
  std::error_code code;
  return named && !fs::exists(parts[0], code) ? parts[0] + "/" + parts[1] : "";
}

}  // namespace

fs::path meant_model_folder(const fs::path& path) {
  std::error_code code;
  if (fs::is_directory(path, code)) return behind_hub_cache(path);
  if (fs::exists(path, code)) return folder_of_file(path);
  const auto name = hub_name(path);
  if (name.empty()) return path;
  throw CheckpointError(path.string(),
                        ": no such folder, expected a run, a checkpoint or a diffusers model; one "
                        "of the Hugging Face hub is fetched before, by 'hf download ",
                        name, " --local-dir ", name.substr(name.find('/') + 1), "'");
}

std::string describe_content(const fs::path& folder) {
  constexpr size_t kMostNames = 8;
  auto names = names_in(folder);
  if (names.empty()) return "; it is empty";
  const bool pickle =
      std::ranges::any_of(names, [](const auto& name) { return is_pickle_name(name); });
  const auto model = std::ranges::find_if(names, [&](const auto& name) {
    return name.ends_with('/') && is_model_folder(folder / name);
  });
  std::string way_out;
  if (model != names.end())
    way_out = "; " + (folder / *model).parent_path().string() + " is a model";
  else if (pickle)
    way_out = "; 'ddpm convert' makes a checkpoint of a pickle";
  const size_t more = names.size() - std::min(names.size(), kMostNames);
  names.resize(names.size() - more);
  for (auto& name : names)
    name = without_controls(name);
  return "; it holds " + join(names) + (more > 0 ? " and " + std::to_string(more) + " more" : "") +
         way_out;
}

bool is_pickle_name(const fs::path& file) {
  constexpr auto kEndings =
      std::to_array<std::string_view>({".bin", ".pt", ".pth", ".ckpt", ".pkl"});
  return std::ranges::find(kEndings, file.extension().string()) != kEndings.end();
}

}  // namespace ddpm
