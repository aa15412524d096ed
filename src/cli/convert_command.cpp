#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ddpm/app/convert.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/commands.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// What is typed besides the request.
struct ConvertFlags {
  std::string source;
  std::string dest;
  bool quiet = false;
  bool json = false;
};

void report(const ConvertPlan& plan, bool as_json) {
  if (!as_json) {
    std::cout << plan.dest.string() << "\n";
    return;
  }
  const nlohmann::ordered_json result = {{"out", plan.dest.string()},
                                         {"source", plan.source.string()},
                                         {"kind", plan.kind},
                                         {"part", plan.part},
                                         {"tensors", plan.weights.size()},
                                         {"parameters", plan.parameters},
                                         {"left_out", plan.left_out}};
  std::cout << shown_json(result) << "\n";
}

ExitCode run_convert(const CLI::App& command, const ConvertFlags& flags, ConvertRequest request) {
  refuse_unknown_words(command);
  init_log(flags.quiet, with_flags);
  if (flags.dest.empty())
    throw UserError("expected a file or folder and a new folder: ddpm convert SOURCE DEST");
  request.source = flags.source;
  request.dest = flags.dest;
  const auto plan = plan_conversion(request);
  log_info(plan.source.string() + ": a network of " + plan.kind +
           (plan.part.empty() ? "" : ", its part " + plan.part) + ", " +
           std::to_string(plan.parameters) + " parameters");
  if (!plan.left_out.empty())
    log_info("left out: " + std::to_string(plan.left_out.size()) + " tensors, such as " +
             plan.left_out.front());
  run_conversion(plan);
  report(plan, flags.json);
  return ExitCode::kDone;
}

void add_guided_flags(CLI::App& command, ConvertRequest& request) {
  command
      .add_option("--image-size", request.image_size,
                  "Size of the images, N or HEIGHT WIDTH, which a bare state dict does not tell.")
      ->expected(1, 2)
      ->check(CLI::Range(int64_t{1}, int64_t{16384}))
      ->type_name("N");
  command.add_flag("--new-attention-order", request.new_attention_order,
                   "It was trained with use_new_attention_order (guided-diffusion).");
  command.add_flag_callback(
      "--rescale-timesteps", [&request] { request.rescale_timesteps = true; },
      "It was trained with rescale_timesteps, and other than 1000 of them.");
  command.add_flag_callback(
      "--no-rescale-timesteps", [&request] { request.rescale_timesteps = false; },
      "It was trained without.");
}

}  // namespace

void add_convert_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<ConvertFlags>();
  auto request = std::make_shared<ConvertRequest>();
  auto* const command =
      app.add_subcommand("convert", "Make a checkpoint of another program's file of weights.");
  command
      ->add_option("source", flags->source,
                   "A .pt, .pth, .ckpt, .bin or .safetensors file, or a diffusers folder with one.")
      ->type_name("SOURCE");
  command->add_option("dest", flags->dest, "The new folder.")->type_name("DEST");
  add_guided_flags(*command, *request);
  command->add_flag("-q,--quiet", flags->quiet, "Only results, warnings and errors.");
  command->add_flag("--json", flags->json, "Print the result as one JSON object.");
  add_setting_flags(*command, put_into(request->settings), {"model", "diffusion", "sample"});
  command->footer(
      "No code of the file is run. Of guided-diffusion and improved-diffusion:\n"
      "  ddpm convert ema_0.9999_500000.pt cifar --image-size 32 --model.attention_head_dim 64 \\\n"
      "      --diffusion.num_train_timesteps 4000 --diffusion.beta_schedule squaredcos_cap_v2 \\\n"
      "      --rescale-timesteps\n"
      "Of diffusers, with config.json beside it:\n"
      "  ddpm convert ddpm-cat-256 cat      # holds diffusion_pytorch_model.bin\n"
      "What is converted and what is not: docs/models.md");
  command->allow_extras();
  command->callback([command, flags, request, &exit_code] {
    exit_code = run_convert(*command, *flags, *request);
  });
}

}  // namespace ddpm
