#include "ddpm/cli/sample_command.h"

#include <chrono>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ddpm/app/sample_run.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/edit_flags.h"
#include "ddpm/config/names.h"
#include "ddpm/util/log.h"
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
  refuse_unknown_words(command);
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

void add_output_flags(CLI::App& command, SampleRequest& request) {
  command
      .add_option("-n,--num-images", request.count,
                  "How many images (default 64, or as many as there are of --noise or to edit).")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->type_name("N");
  add_class_flag(command, request.classes);
  add_seed_flag(command, request.seed, "Image i has seed SEED+i.");
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
  command
      .add_option("--classifier-scale", request.classifier_scale,
                  "Scale of the classifier's gradient.")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->type_name("SCALE");
  add_setting_aliases(command, put, "sample", {"timestep_spacing", "variance_type", "clip_sample"});
}

}  // namespace

void add_sample_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<SampleFlags>();
  auto request = std::make_shared<SampleRequest>();
  auto* const command = app.add_subcommand("sample", "Draw images from a trained model.");
  add_checkpoint_flag(*command, request->checkpoint);
  add_output_flags(*command, *request);
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
