#include <algorithm>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include "ddpm/cli/command_line.h"
#include "ddpm/cli/commands.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/standard_streams.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr const char* kProgramFooter =
    "Everyday use:\n"
    "  ddpm train --config cifar.yaml\n"
    "  ddpm sample --steps 50 --guidance 3.0\n"
    "  ddpm eval --fid\n"
    "  ddpm schedule linear cosine\n"
    "  ddpm convert model.pt FOLDER\n"
    "Each command has its own --help. Documentation: README.md and docs/.";

int report(const std::string& message, ExitCode code) {
  std::cerr << "ddpm: " << one_line(with_flags(message))
            << std::endl;  // files may hold what drives terminals
  return static_cast<int>(code);
}

/// The first line of an error of LibTorch, without its stack.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

/// `UserError` unless the first word is a command or a flag.
void check_command(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> commands;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    commands.push_back(command->get_name());
  if (argc < 2) throw UserError("expected a command: ", join(commands, " or "), " (see --help)");
  const std::string word = argv[1];
  const std::vector<std::string> flags{"-h", "--help", "--version"};
  if (std::ranges::find(flags, word) != flags.end()) return;
  if (word.starts_with('-')) {
    throw UserError("unknown flag '", word, "'; did you mean '", nearest(word, flags), "'?");
  }
  if (std::ranges::find(commands, word) != commands.end()) return;
  throw UserError("unknown command '", word, "'; did you mean '", nearest(word, commands), "'?");
}

/// The words of the command line from its end, as CLI11 takes them, with the person's home in paths
/// such as `--out=~/x.png`, where shells leave the `~`.
std::vector<std::string> reversed_words(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    const std::string word = argv[i];
    const auto value = word.starts_with("--") ? word.find('=') + 1 : 0;
    words.push_back(word.substr(0, value) + expand_home(word.substr(value)));
  }
  return words;
}

int run(int argc, char** argv) {
  CLI::App app{"Trains, samples and evaluates denoising diffusion models.", "ddpm"};
  app.set_version_flag("--version", "ddpm " DDPM_VERSION " (LibTorch " TORCH_VERSION ")");
  app.require_subcommand(1);
  app.footer(kProgramFooter);
  auto exit_code = ExitCode::kDone;
  add_train_command(app, exit_code);
  add_sample_command(app, exit_code);
  add_eval_command(app, exit_code);
  add_schedule_command(app, exit_code);
  add_convert_command(app, exit_code);
  check_command(app, argc, argv);
  try {
    app.parse(reversed_words(argc, argv));
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    return report(first_line(error.what()) + " (see 'ddpm --help')", ExitCode::kUsage);
  }
  return static_cast<int>(exit_code);
}

bool is_out_of_memory(const std::string& message) {
  return message.find("can't allocate memory") != message.npos ||
         message.find("not enough memory") != message.npos;
}

}  // namespace
}  // namespace ddpm

int main(int argc, char** argv) {
  constexpr const char* kMemoryAdvice =
      "out of memory; lower train.batch_size or --batch-size, raise "
      "train.gradient_accumulation_steps, or set train.gradient_checkpointing to blocks";
  using ddpm::ExitCode;
  using ddpm::report;
  ddpm::guard_standard_streams();
  ddpm::catch_checkpoint_signal();
  try {
    const int code = ddpm::run(argc, argv);
    if (!std::cout.flush()) return report("stdout: cannot write", ExitCode::kDisk);
    return code;
  } catch (const ddpm::UserError& error) {
    return report(error.what(), error.exit_code());
  } catch (const c10::OutOfMemoryError&) {
    return report(kMemoryAdvice, ExitCode::kDevice);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(error.path1().string() + ": " + error.code().message(), ExitCode::kDisk);
  } catch (const std::bad_alloc&) {
    return report(kMemoryAdvice, ExitCode::kDevice);
  } catch (const std::exception& error) {
    const auto message = ddpm::first_line(error.what());
    if (ddpm::is_out_of_memory(message)) return report(kMemoryAdvice, ExitCode::kDevice);
    if (message.find("CUDA") != message.npos) return report(message, ExitCode::kDevice);
    return report("internal error: " + message, ExitCode::kInternal);
  }
}
