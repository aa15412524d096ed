#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ddpm/app/schedule_plan.h"
#include "ddpm/app/schedule_view.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/commands.h"
#include "ddpm/config/find_config.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

/// What is typed besides the schedules.
struct ScheduleFlags {
  std::vector<std::string> configs;
  StripRequest strip;
  std::optional<uint64_t> drawn_seed;
  std::string out;
  bool log = false;
  bool quiet = false;
  bool json = false;
};

void report(const ScheduleFlags& flags, const std::vector<NamedSchedule>& schedules,
            const fs::path& out) {
  if (!flags.json) {
    std::cout << out.string() << "\n";
    return;
  }
  json result = {{"out", out.string()}, {"schedules", json::array()}};
  for (const auto& schedule : schedules)
    result["schedules"].push_back(to_json(schedule));
  std::cout << shown_json(result) << "\n";
}

/// Where the picture goes: as told, else the first free of schedule.svg, schedule-2.svg, ... of the
/// working folder (.png with an image).
fs::path schedule_output(const ScheduleFlags& flags) {
  const std::string ending = flags.strip.image.empty() ? ".svg" : ".png";
  if (flags.out.empty()) return unused_path("schedule" + ending);
  if (lower_case(fs::path(flags.out).extension().string()) != ending)
    throw UserError("--out ", flags.out, ": expected NAME", ending,
                    flags.strip.image.empty() ? "" : " for an image");
  if (fs::exists(flags.out))
    throw UserError("--out ", flags.out, ": exists already; give another name");
  return flags.out;
}

ExitCode run_schedule(const CLI::App& command, const ScheduleFlags& flags,
                      ScheduleRequest request) {
  refuse_unknown_words(command);
  init_log(flags.quiet, with_flags);
  tell_drawn_seed(flags.drawn_seed);
  if (flags.strip.image.empty() && (flags.strip.timesteps || flags.strip.image_size))
    throw UserError(flags.strip.timesteps ? "--timesteps" : "--image-size", " needs --image PATH");
  const auto out = schedule_output(flags);
  for (const auto& config : flags.configs)
    request.configs.push_back(find_config(config));
  const auto schedules = plan_schedules(request);
  const auto bytes = flags.strip.image.empty() ? to_svg(plot_schedules(schedules, flags.log))
                                               : noised_png(schedules, flags.strip);
  make_folder(out.parent_path());
  write_file_atomic(out, bytes);
  report(flags, schedules, out);
  return ExitCode::kDone;
}

void add_picture_flags(CLI::App& command, ScheduleFlags& flags) {
  command
      .add_option("--out", flags.out,
                  "NAME.svg, or with --image NAME.png (default: a free name, schedule.svg).")
      ->type_name("PATH");
  command.add_flag("--log", flags.log, "Draw alpha_bar on a logarithmic axis.");
  command
      .add_option("--image", flags.strip.image,
                  "Draw this image with growing noise instead, a row a schedule.")
      ->type_name("PATH");
  command
      .add_option("--timesteps", flags.strip.timesteps,
                  "Timesteps to show the image at, from clean to noisy (default: eight even ones).")
      ->type_name("A,B,...");
  add_number_flag(command,
                  {.names = "--image-size",
                   .help = "Scale and crop the image to N x N first (default: at most 256 a side).",
                   .range = {.min = 1, .max = 4096}},
                  flags.strip.image_size);
  add_seed_flag(command, flags.strip.seed, flags.drawn_seed, "Of the noise.");
}

}  // namespace

void add_schedule_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<ScheduleFlags>();
  auto request = std::make_shared<ScheduleRequest>();
  auto* const command = app.add_subcommand("schedule", "Draw noise schedules as an SVG picture.");
  command
      ->add_option(
          "names", request->names,
          "Schedules to draw: " +
              join({"linear", "cosine", "scaled_linear", "sigmoid", "jsd", "edm", "flow"}) +
              " (default: as the settings say).")
      ->type_name("");
  command
      ->add_option("--config", flags->configs,
                   "The schedule of a settings file; may be given several times.")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("NAME|FILE");
  command
      ->add_option("--checkpoint", request->checkpoints,
                   "The schedule of a run, a checkpoint or a diffusers folder; may be repeated.")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("PATH");
  add_picture_flags(*command, *flags);
  command->add_flag("-q,--quiet", flags->quiet, "Only results, warnings and errors.");
  command->add_flag("--json", flags->json, "Print the numbers as one JSON object.");
  add_setting_flags(
      *command,
      [request](const std::string& key, const std::string& text) { request->settings[key] = text; },
      {"diffusion"});
  command->footer(
      "Settings hold for all schedules; several values give a schedule each:\n"
      "  ddpm schedule linear cosine --diffusion.num_train_timesteps 100,1000\n"
      "  ddpm schedule --config cifar --checkpoint runs/mine --log\n"
      "  ddpm schedule cosine linear --image cat.png --timesteps 0,100,250,500,999");
  command->allow_extras();
  command->callback([command, flags, request, &exit_code] {
    exit_code = run_schedule(*command, *flags, *request);
  });
}

}  // namespace ddpm
