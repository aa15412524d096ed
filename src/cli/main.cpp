#include <c10/util/Exception.h>
#include <torch/version.h>

#include <cstdio>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>

#include "ddpm/cli/sample_command.h"
#include "ddpm/cli/train_command.h"
#include "ddpm/util/error.h"

namespace {

using ddpm::ExitCode;

constexpr const char* kFooter =
    "Everyday use:\n"
    "  ddpm train --config cifar.yaml\n"
    "  ddpm sample --steps 50 --guidance 3.0\n"
    "Each command has its own --help. Documentation: README.md and docs/.";

int report(const std::string& message, ExitCode code) {
  std::cerr << "ddpm: " << message << std::endl;
  return static_cast<int>(code);
}

/// The first line of an error of LibTorch, without its stack.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

int run(int argc, char** argv) {
  CLI::App app{"Trains and samples denoising diffusion models.", "ddpm"};
  app.set_version_flag("--version", "ddpm " DDPM_VERSION " (LibTorch " TORCH_VERSION ")");
  app.require_subcommand(1);
  app.footer(kFooter);
  ddpm::add_train_command(app);
  ddpm::add_sample_command(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    return report(first_line(error.what()) + " (see 'ddpm --help')", ExitCode::kUsage);
  }
  return static_cast<int>(ExitCode::kDone);
}

bool is_out_of_memory(const std::string& message) {
  return message.find("can't allocate memory") != message.npos ||
         message.find("not enough memory") != message.npos;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* kMemoryAdvice =
      "out of memory; lower train.batch_size or --batch-size, raise "
      "train.gradient_accumulation_steps, or set train.gradient_checkpointing to blocks";
  try {
    return run(argc, argv);
  } catch (const ddpm::UserError& error) {
    return report(error.what(), error.exit_code());
  } catch (const c10::OutOfMemoryError&) {
    return report(kMemoryAdvice, ExitCode::kDevice);
  } catch (const std::bad_alloc&) {
    return report(kMemoryAdvice, ExitCode::kDevice);
  } catch (const std::exception& error) {
    const auto message = first_line(error.what());
    if (is_out_of_memory(message)) return report(kMemoryAdvice, ExitCode::kDevice);
    return report("internal error: " + message, ExitCode::kInternal);
  }
}
