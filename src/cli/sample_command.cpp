#include <chrono>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ddpm/app/sample_run.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/edit_flags.h"
#include "ddpm/config/names.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/number.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

struct SampleFlags {
  CommonFlags common;
  EditFlags edit;
};

/// {height, width} of "48" or "48x64".
std::vector<int64_t> parse_size(const std::string& text) {
  constexpr int64_t kLargest = 16384;
  std::vector<int64_t> size;
  for (const auto& word : split(lower_case(text), 'x'))
    size.push_back(parse_number<int64_t>(word).value_or(0));
  if (size.size() == 1) size.push_back(size[0]);
  const auto fits = [](int64_t side) { return side >= 1 && side <= kLargest; };
  if (size.size() == 2 && fits(size[0]) && fits(size[1])) return size;
  throw UserError("--size must be a number, or height x width such as 48x64, from 1 to ", kLargest,
                  ", got '", text, "'");
}

json to_json(const SamplePlan& plan, const SampleResult& result) {
  const auto& options = plan.pipeline.sample;
  json object = {{"out", plan.out.string()},
                 {"images", result.done},
                 {"checkpoint", plan.checkpoint.string()},
                 {"sampler", to_name(options.sampler)},
                 {"steps", options.steps},
                 {"network_calls", result.network_calls},
                 {"guidance", options.guidance},
                 {"seed", plan.seed},
                 {"labels", plan.labels},
                 {"device", plan.device.str()},
                 {"precision", to_name(plan.precision)}};
  if (plan.classifier) {
    object["classifier"] = plan.classifier->path.string();
    object["classifier_scale"] = plan.classifier_scale;
  }
  if (plan.edit.mode != EditMode::kNone) object["edit"] = to_name(plan.edit.mode);
  if (result.mse) {
    object["mse"] = *result.mse;
    object["psnr"] = psnr(*result.mse);  // null if infinite
  }
  return object;
}

void report(const SamplePlan& plan, const SampleResult& result, double seconds, bool as_json) {
  log_info(std::to_string(result.done) + " images in " + format_duration(seconds) + ", " +
           std::to_string(result.network_calls) + " network calls each");
  if (result.mse)
    log_info("reconstruction: mean squared error " + format_number(*result.mse) + ", PSNR " +
             format_number(psnr(*result.mse)) + " dB");
  if (!as_json) {
    if (result.done > 0) std::cout << plan.out.string() << "\n";
    return;
  }
  auto object = to_json(plan, result);
  object["seconds"] = seconds;
  std::cout << shown_json(object) << "\n";
}

ExitCode run_sample(const CLI::App& command, const SampleFlags& flags, SampleRequest request) {
  refuse_unknown_words(command, [](const std::vector<std::string>& words) {
    return "say --checkpoint " + words[0] + " or --out " + words[0];
  });
  apply_common_flags(flags.common);
  request.edit = edit_request(flags.edit, request);
  auto plan = plan_sampling(request);
  catch_stop_signals();
  const auto start = Clock::now();
  const auto result = run_sampling(plan);
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  report(plan, result, seconds, flags.common.json);
  return result.done < plan.count ? ExitCode::kStopped : ExitCode::kDone;
}

void add_output_flags(CLI::App& command, SampleRequest& request, CommonFlags& flags) {
  add_number_flag(
      command,
      {.names = "-n,--num-images",
       .help = "How many images (default 64, or as many as there are of --noise or to edit).",
       .range = {.min = 1, .max = 1e8}},
      request.count);
  add_class_flag(command, request.classes);
  command
      .add_option_function<std::string>(
          "--size", [&request](const std::string& text) { request.size = parse_size(text); },
          "Side, or HxW, of the images (default: what the model was trained on).")
      ->type_name("N|HxW");
  add_seed_flag(command, request.seed, flags.drawn_seed, "Image i has seed SEED+i.");
  add_batch_size_flag(command, request.batch_size,
                      "Images at a time; changes them by rounding at most.");
  command.add_option("--out", request.out, "NAME.png (a grid), NAME.npz, NAME.npy or a folder.")
      ->type_name("PATH");
  command
      .add_option("--noise", request.noise,
                  "Start from this noise, float32 [N, C, H, W] in a .npy file.")
      ->type_name("FILE");
}

void add_guidance_flags(CLI::App& command, SampleRequest& request) {
  const auto put = put_into(request.settings);
  command
      .add_option("--negative-class", request.negative_class,
                  "Class name or number to guide away from (default: 'no class').")
      ->type_name("CLASS");
  command
      .add_option("--guide-with", request.guide_with,
                  "Guide away from this weaker model (autoguidance) instead of a class.")
      ->type_name("PATH");
  add_setting_aliases(command, put, "sample",
                      {"guidance_rescale", "guidance_interval", "guidance_schedule",
                       "guidance_clamp", "order", "eta", "s_churn"});
  command
      .add_option("--classifier", request.classifier,
                  "Guide by the gradient of this classifier (a run with train.task classifier).")
      ->type_name("PATH");
  add_real_flag(
      command,
      {.names = "--classifier-scale",
       .help = "Scale of the classifier's gradient.",
       .range = {.min = 0, .max = 1e6},
       .value_name = "SCALE"},
      [&request](double scale) { request.classifier_scale = scale; },
      format_number(request.classifier_scale));
  add_setting_aliases(command, put, "sample", {"timestep_spacing", "variance_type", "clip_sample"});
}

}  // namespace

void add_sample_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<SampleFlags>();
  auto request = std::make_shared<SampleRequest>();
  auto* const command = app.add_subcommand("sample", "Draw images from a trained model.");
  add_checkpoint_flag(*command, request->checkpoint);
  add_output_flags(*command, *request, flags->common);
  add_setting_aliases(*command, put_into(request->settings), "sample",
                      {"steps", "sampler", "guidance"});
  add_guidance_flags(*command, *request);
  add_edit_flags(*command, flags->edit);
  add_common_flags(*command, flags->common, request->runtime);
  add_setting_flags(*command, put_into(request->settings), {"sample"});
  command->allow_extras();
  command->callback([command, flags, request, &exit_code] {
    exit_code = run_sample(*command, *flags, *request);
  });
}

}  // namespace ddpm
