#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "ddpm/app/runtime_request.h"
#include "ddpm/config/setting_overrides.h"
#include "ddpm/config/settings.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ddpm {

/// Flags that every command has besides those of its request.
struct CommonFlags {
  int threads = 0;  // 0: all cores
  bool quiet = false;
  bool json = false;
  std::optional<uint64_t> drawn_seed;  // of `--seed random`
};

/// A flag whose value is a number.
struct NumberFlag {
  std::string names;
  std::string help;
  Range range = {};
  std::string value_name = "N";
};

/// Adds a flag whose number is read as those of settings are: decimal, without a plus, zeros before
/// it or blanks within. `UserError` for anything else, and outside the range. `usual` is shown as
/// the default; empty: none.
CLI::Option* add_number_flag(CLI::App& command, const NumberFlag& flag,
                             const std::function<void(int64_t)>& put,
                             const std::string& usual = "");
CLI::Option* add_real_flag(CLI::App& command, const NumberFlag& flag,
                           const std::function<void(double)>& put, const std::string& usual = "");

/// The same for a number, whose value now is the default, or an optional one without a default.
template <typename T>
CLI::Option* add_number_flag(CLI::App& command, const NumberFlag& flag, T& target) {
  std::string usual;
  if constexpr (std::is_integral_v<T>) usual = std::to_string(target);
  return add_number_flag(
      command, flag, [&target](int64_t number) { target = static_cast<T>(number); }, usual);
}
template <>
inline CLI::Option* add_number_flag(CLI::App& command, const NumberFlag& flag,
                                    std::optional<int64_t>& target) {
  return add_number_flag(command, flag, [&target](int64_t number) { target = number; });
}

void add_common_flags(CLI::App& command, CommonFlags& flags, RuntimeRequest& runtime);

// Flags that several commands share.

void add_checkpoint_flag(CLI::App& command, std::string& checkpoint);
void add_class_flag(CLI::App& command, std::optional<std::string>& classes);
/// `--seed NUMBER`, or `random` for one that is drawn now and then told of (`tell_drawn_seed`).
void add_seed_flag(CLI::App& command, uint64_t& seed, std::optional<uint64_t>& drawn,
                   const std::string& help);
void add_batch_size_flag(CLI::App& command, int64_t& batch_size, const std::string& help);

/// A seed from the system's randomness, short enough to be typed.
uint64_t draw_seed();

/// Says which seed was drawn, if one was.
void tell_drawn_seed(const std::optional<uint64_t>& drawn);

/// Puts quiet, threads and the allocator's settings into effect, and tells the seed drawn.
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

/// Says what words that stand without a flag may have been meant as.
using WordAdvice = std::function<std::string(const std::vector<std::string>& words)>;

/// `UserError` for words that the command does not know, naming the nearest flag.
void refuse_unknown_words(const CLI::App& command, const WordAdvice& advice = {});

/// `text` with fields of requests, which messages have in backquotes, as their flags:
/// "`batch_size`" as "--batch-size".
std::string with_flags(const std::string& text);

}  // namespace ddpm
