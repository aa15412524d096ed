#include "ddpm/cli/command_line.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "ddpm/config/names.h"
#include "ddpm/config/settings.h"
#include "ddpm/runtime/tensor_memory.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

std::string section_of(std::string_view key) {
  return std::string(key.substr(0, key.find('.')));
}

/// The known flag most like `flag`: one of the same name in a section ("--lr", "--train.lr"), else
/// the nearest.
std::string nearest_flag(const std::string& flag, const std::vector<std::string>& known) {
  std::string name = flag.substr(std::min(flag.size(), flag.find_first_not_of('-')));
  std::ranges::replace(name, '-', '_');
  for (const auto& candidate : known)
    if (candidate.ends_with("." + name)) return candidate;
  return nearest(flag, known);
}

/// The flag of a field of a request.
std::string flag_of(const std::string& field) {
  if (field == "count") return "-n";
  std::string flag = "--" + field;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

Precision parse_precision(const std::string& word) {
  const auto precision = from_name<Precision>(word);
  if (!precision)
    throw UserError("--precision must be float32, bf16, tf32 or auto, got '", word, "'");
  return *precision;
}

}  // namespace

void add_common_flags(CLI::App& command, CommonFlags& flags, RuntimeRequest& runtime) {
  runtime.stop = signal_stop_token();
  command.add_option("--device", runtime.device, "auto, cpu, cuda or cuda:NUMBER.")
      ->capture_default_str()
      ->type_name("");
  command
      .add_option_function<std::string>(
          "--precision",
          [&runtime](const std::string& word) { runtime.precision = parse_precision(word); },
          "float32, bf16, tf32 (GPUs only) or auto (default: float32; train: train.precision).")
      ->type_name("");
  command.add_option("--threads", flags.threads, "CPU threads; 0: all cores.")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  command.add_flag_callback(
      "--no-cuda-graph", [&runtime] { runtime.cuda_graph = false; },
      "On a GPU: start every operator by itself instead of recording them as a graph.");
  command.add_flag("--cudnn-autotune", runtime.cudnn_autotune,
                   "On a GPU: time cuDNN's algorithms and take the fastest; the last bits can then "
                   "differ from run to run.");
  command.add_flag("-q,--quiet", flags.quiet, "Only results, warnings and errors.");
  command.add_flag("--json", flags.json, "Print the result as one JSON object.");
}

void add_checkpoint_flag(CLI::App& command, std::string& checkpoint) {
  command
      .add_option("--checkpoint", checkpoint,
                  "A run, a checkpoint or a diffusers folder (default: the newest run).")
      ->type_name("PATH");
}

void add_class_flag(CLI::App& command, std::optional<std::string>& classes) {
  command
      .add_option("--class", classes,
                  "Class names or numbers, repeated in turn (default: all classes).")
      ->type_name("A,B,...");
}

void add_seed_flag(CLI::App& command, uint64_t& seed, const std::string& help) {
  command.add_option("--seed", seed, help)
      ->check(CLI::Range(int64_t{0}, INT64_MAX))
      ->capture_default_str()
      ->type_name("SEED");
}

void add_batch_size_flag(CLI::App& command, int64_t& batch_size, const std::string& help) {
  command.add_option("--batch-size", batch_size, help)
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000}))
      ->capture_default_str()
      ->type_name("N");
}

void apply_common_flags(const CommonFlags& flags) {
  init_log(flags.quiet, with_flags);
  use_compact_tensor_memory();
  if (flags.threads > 0) at::set_num_threads(flags.threads);
}

PutSetting put_into(SettingOverrides& overrides) {
  return
      [&overrides](const std::string& key, const std::string& text) { overrides.put(key, text); };
}

void add_setting_flags(CLI::App& command, const PutSetting& put,
                       const std::vector<std::string>& sections) {
  Config defaults;
  for (const auto& setting : settings(defaults)) {
    const std::string key(setting.key);
    const auto section = section_of(key);
    if (std::ranges::find(sections, section) == sections.end()) continue;
    command
        .add_option_function<std::string>(
            "--" + key, [put, key](const std::string& text) { put(key, text); }, describe(setting))
        ->default_str(format_value(setting))
        ->type_name("")
        ->group("Settings: " + section);
  }
}

void add_setting_aliases(CLI::App& command, const PutSetting& put, const std::string& section,
                         const std::vector<std::string>& names) {
  Config defaults;
  for (const auto& name : names) {
    const auto setting = find_setting(defaults, section + "." + name, "flag");
    const std::string key(setting.key);
    command
        .add_option_function<std::string>(
            flag_of(name), [put, key](const std::string& text) { put(key, text); },
            describe(setting))
        ->type_name("");
  }
}

void refuse_unknown_words(const CLI::App& command) {
  const auto words = command.remaining();
  if (words.empty()) return;
  std::vector<std::string> known;
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames())
      known.push_back("--" + name);
  const auto flag = words.front().substr(0, words.front().find('='));
  if (!flag.starts_with('-')) throw UserError("unexpected word '", words.front(), "'");
  throw UserError("unknown flag '", flag, "'; did you mean '", nearest_flag(flag, known), "'?");
}

std::string with_flags(const std::string& text) {
  return replace_fields(text, flag_of);
}

}  // namespace ddpm
