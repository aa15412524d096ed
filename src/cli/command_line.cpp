#include "ddpm/cli/command_line.h"

#include <algorithm>
#include <charconv>

#include <torch/types.h>

#include "ddpm/config/settings.h"
#include "ddpm/kernels/tensor_memory.h"
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

}  // namespace

std::filesystem::path executable_path() {
  std::error_code code;
  return std::filesystem::read_symlink("/proc/self/exe", code);
}

void add_common_flags(CLI::App& command, CommonFlags& flags) {
  command.add_option("--device", flags.device, "auto, cpu, cuda or cuda:NUMBER.")
      ->capture_default_str()
      ->type_name("");
  command
      .add_option(
          "--precision", flags.precision,
          "float32, bf16, tf32 (GPUs only) or auto (default: float32; train: train.precision).")
      ->type_name("");
  command.add_option("--threads", flags.threads, "CPU threads; 0: all cores.")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  command.add_flag(
      "--no-cuda-graph", flags.no_cuda_graph,
      "On a GPU: start every operator by itself instead of recording them as a graph.");
  command.add_flag("--cudnn-autotune", flags.cudnn_autotune,
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
  init_log(flags.quiet);
  use_compact_tensor_memory();
  if (flags.threads > 0) at::set_num_threads(flags.threads);
}

void add_setting_flags(CLI::App& command, SettingFlags& flags,
                       const std::vector<std::string>& sections) {
  Config defaults;
  for (const auto& setting : settings(defaults)) {
    const std::string key(setting.key);
    const auto section = section_of(key);
    if (std::ranges::find(sections, section) == sections.end()) continue;
    command
        .add_option_function<std::string>(
            "--" + key, [&flags, key](const std::string& text) { flags[key] = text; },
            describe(setting))
        ->default_str(format_value(setting))
        ->type_name("")
        ->group("Settings: " + section);
  }
}

void add_setting_alias(CLI::App& command, SettingFlags& flags, const std::string& alias,
                       const std::string& key) {
  Config defaults;
  for (const auto& setting : settings(defaults)) {
    if (setting.key != key) continue;
    command
        .add_option_function<std::string>(
            alias, [&flags, key](const std::string& text) { flags[key] = text; }, describe(setting))
        ->type_name("");
  }
}

void add_setting_aliases(CLI::App& command, SettingFlags& flags, const std::string& section,
                         const std::vector<std::string>& names) {
  for (std::string name : names) {
    const std::string key = section + "." + name;
    std::ranges::replace(name, '_', '-');
    add_setting_alias(command, flags, "--" + name, key);
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

double parse_duration(const std::string& text) {
  double seconds = 0.0;
  const char* place = text.data();
  const char* const end = place + text.size();
  while (place != end) {
    double number = 0.0;
    const auto [stop, code] = std::from_chars(place, end, number);
    const double unit = stop == end ? 0 : *stop == 'h' ? 3600 : *stop == 'm' ? 60 : *stop == 's';
    if (code != std::errc() || unit == 0 || !(number >= 0)) break;
    seconds += number * unit;
    place = stop + 1;
  }
  if (place != end || !(seconds > 0) || seconds > 6e7) {
    throw UserError("expected a time such as 90s, 10m or 1h30m, got '", text, "'");
  }
  return seconds;
}

}  // namespace ddpm
