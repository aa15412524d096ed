#include "ddpm/cli/command_line.h"

#include <algorithm>
#include <random>
#include <string_view>
#include <utility>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "ddpm/config/names.h"
#include "ddpm/config/setting_value.h"
#include "ddpm/config/settings.h"
#include "ddpm/config/synonyms.h"
#include "ddpm/runtime/tensor_memory.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

std::string section_of(std::string_view key) {
  return std::string(key.substr(0, key.find('.')));
}

/// The flag of a field of a request.
std::string flag_of(const std::string& field) {
  if (field == "count") return "-n";
  std::string flag = "--" + field;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

/// The known flag for what is called `name` elsewhere; empty if there is none.
std::string flag_synonym(const std::string& name, const std::vector<std::string>& known) {
  const auto known_flag = [&](const std::string& flag) {
    return std::ranges::find(known, flag) != known.end();
  };
  const auto field = flag_of(std::string(field_synonym(name)));
  if (known_flag(field)) return field;
  const auto* const synonym = find_synonym(name);
  if (synonym == nullptr) return {};
  const std::string key(synonym->key);
  const auto alias = flag_of(key.substr(key.find('.') + 1));
  if (known_flag(alias)) return alias;
  return known_flag("--" + key) ? "--" + key : "";
}

/// The known flag most like `flag`: one of the same name in a section ("--lr", "--train.lr"), else
/// the nearest.
std::string nearest_flag(const std::string& flag, const std::vector<std::string>& known) {
  std::string name = flag.substr(std::min(flag.size(), flag.find_first_not_of('-')));
  std::ranges::replace(name, '-', '_');
  for (const auto& candidate : known)
    if (candidate.ends_with("." + name)) return candidate;
  const auto other = flag_synonym(name, known);
  return other.empty() ? nearest(flag, known) : other;
}

/// The last of the names of a flag, which is the long one.
std::string long_name(const std::string& names) {
  return names.substr(names.rfind(',') + 1);
}

/// The number that the value of a flag is.
template <typename T>
T parse_value(const NumberFlag& flag, const std::string& text) {
  T number{};
  const auto name = long_name(flag.names);
  Setting row{.key = name, .slot = &number, .on_resume = OnResume::kFree, .help = ""};
  row.range = flag.range;
  assign(row, raw_value(row.slot, text), "command line");
  return number;
}

template <typename T>
CLI::Option* add_value_flag(CLI::App& command, const NumberFlag& flag,
                            const std::function<void(T)>& put, const std::string& usual) {
  auto* const option = command.add_option_function<std::string>(
      flag.names, [flag, put](const std::string& text) { put(parse_value<T>(flag, text)); },
      flag.help);
  option->type_name(flag.value_name);
  return usual.empty() ? option : option->default_str(usual);
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
  add_number_flag(command,
                  {.names = "--threads",
                   .help = "CPU threads; 0: all cores.",
                   .range = {.min = 0, .max = 4096}},
                  flags.threads);
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
      .add_option_function<std::vector<std::string>>(
          "--class",
          [&classes](const std::vector<std::string>& given) { classes = join(given, ","); },
          "Class names or numbers, repeated in turn (default: all classes); a comma in a name is "
          "\\,. May be given several times.")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("A,B,...");
}

CLI::Option* add_number_flag(CLI::App& command, const NumberFlag& flag,
                             const std::function<void(int64_t)>& put, const std::string& usual) {
  return add_value_flag<int64_t>(command, flag, put, usual);
}

CLI::Option* add_real_flag(CLI::App& command, const NumberFlag& flag,
                           const std::function<void(double)>& put, const std::string& usual) {
  return add_value_flag<double>(command, flag, put, usual);
}

void add_seed_flag(CLI::App& command, uint64_t& seed, std::optional<uint64_t>& drawn,
                   const std::string& help) {
  const NumberFlag flag{.names = "--seed", .help = "", .range = {.min = 0}};
  const auto put = [&seed, &drawn, flag](const std::string& text) {
    if (text == "random") drawn = draw_seed();
    seed = text == "random" ? *drawn : static_cast<uint64_t>(parse_value<int64_t>(flag, text));
  };
  command.add_option_function<std::string>("--seed", put, help + " random: one that is drawn.")
      ->default_str(std::to_string(seed))
      ->type_name("SEED");
}

void add_batch_size_flag(CLI::App& command, int64_t& batch_size, const std::string& help) {
  add_number_flag(command,
                  {.names = "--batch-size", .help = help, .range = {.min = 1, .max = 1'000'000}},
                  batch_size);
}

uint64_t draw_seed() {
  return std::random_device()();
}

void tell_drawn_seed(const std::optional<uint64_t>& drawn) {
  if (drawn) log_notice("seed " + std::to_string(*drawn));
}

void apply_common_flags(const CommonFlags& flags) {
  init_log(flags.quiet, with_flags);
  use_compact_tensor_memory();
  if (flags.threads > 0) at::set_num_threads(flags.threads);
  tell_drawn_seed(flags.drawn_seed);
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

void refuse_unknown_words(const CLI::App& command, const WordAdvice& advice) {
  const auto words = command.remaining();
  if (words.empty()) return;
  std::vector<std::string> known;
  for (const auto* option : command.get_options())
    for (const auto& name : option->get_lnames())
      known.push_back("--" + name);
  const auto flag = words.front().substr(0, words.front().find('='));
  if (!flag.starts_with('-'))
    throw UserError("unexpected word '", words.front(), "'", advice ? "; " + advice(words) : "");
  throw UserError("unknown flag '", flag, "'; did you mean '", nearest_flag(flag, known), "'?");
}

std::string with_flags(const std::string& text) {
  return replace_fields(text, flag_of);
}

}  // namespace ddpm
