#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/app/runtime_request.h"
#include "ddpm/config/setting_overrides.h"

namespace CLI {
class App;
}

namespace ddpm {

/// Flags that every command has besides those of its request.
struct CommonFlags {
  int threads = 0;  // 0: all cores
  bool quiet = false;
  bool json = false;
};

void add_common_flags(CLI::App& command, CommonFlags& flags, RuntimeRequest& runtime);

// Flags that several commands share.

void add_checkpoint_flag(CLI::App& command, std::string& checkpoint);
void add_class_flag(CLI::App& command, std::optional<std::string>& classes);
void add_seed_flag(CLI::App& command, uint64_t& seed, const std::string& help);
void add_batch_size_flag(CLI::App& command, int64_t& batch_size, const std::string& help);

/// Puts quiet, threads and the allocator's settings into effect.
void apply_common_flags(const CommonFlags& flags);

/// Takes a setting that is given as a flag, and its text.
using PutSetting = std::function<void(const std::string& key, const std::string& text)>;

/// Puts them into `overrides`, which must outlive the command.
PutSetting put_into(SettingOverrides& overrides);

/// Adds `--SECTION.NAME VALUE` for each setting whose section is in `sections`.
void add_setting_flags(CLI::App& command, const PutSetting& put,
                       const std::vector<std::string>& sections);

/// Adds `--NAME VALUE`, with dashes for underscores, as another way to say `--SECTION.NAME`, for
/// several settings of one section.
void add_setting_aliases(CLI::App& command, const PutSetting& put, const std::string& section,
                         const std::vector<std::string>& names);

/// `UserError` for words that the command does not know, naming the nearest flag.
void refuse_unknown_words(const CLI::App& command);

/// `text` with fields of requests, which messages have in backquotes, as their flags:
/// "`batch_size`" as "--batch-size".
std::string with_flags(const std::string& text);

}  // namespace ddpm
