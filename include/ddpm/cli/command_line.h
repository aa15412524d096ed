#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "ddpm/config/config.h"

namespace ddpm {

/// Flags that every command has.
struct CommonFlags {
  std::string device = "auto";
  std::string precision;  // empty: as the command or the checkpoint says
  int threads = 0;        // 0: all cores
  bool no_cuda_graph = false;
  bool cudnn_autotune = false;
  bool quiet = false;
  bool json = false;
};

/// The file of this program, beside which configs are installed.
std::filesystem::path executable_path();

void add_common_flags(CLI::App& command, CommonFlags& flags);

// Flags that several commands share.

void add_checkpoint_flag(CLI::App& command, std::string& checkpoint);
void add_class_flag(CLI::App& command, std::optional<std::string>& classes);
void add_seed_flag(CLI::App& command, uint64_t& seed, const std::string& help);
void add_batch_size_flag(CLI::App& command, int64_t& batch_size, const std::string& help);

/// Puts quiet, threads and the allocator's settings into effect.
void apply_common_flags(const CommonFlags& flags);

/// Settings given as flags, by key, in the words of the person.
using SettingFlags = std::map<std::string, std::string>;

/// Adds `--SECTION.NAME VALUE` for each setting whose section is in `sections`.
void add_setting_flags(CLI::App& command, SettingFlags& flags,
                       const std::vector<std::string>& sections);

/// Adds `--NAME VALUE`, with dashes for underscores, as another way to say `--SECTION.NAME`.
void add_setting_alias(CLI::App& command, SettingFlags& flags, const std::string& alias,
                       const std::string& key);

/// The same for several settings of one section: `--guidance-rescale` for
/// `--sample.guidance_rescale`.
void add_setting_aliases(CLI::App& command, SettingFlags& flags, const std::string& section,
                         const std::vector<std::string>& names);

/// `UserError` for words that the command does not know, naming the nearest flag.
void refuse_unknown_words(const CLI::App& command);

/// Seconds of "90s", "10m", "1.5h" or "1h30m". `UserError` for anything else.
double parse_duration(const std::string& text);

}  // namespace ddpm
