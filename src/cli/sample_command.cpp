#include "ddpm/cli/sample_command.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/draw.h"
#include "ddpm/cli/model_choice.h"
#include "ddpm/cli/sample_job.h"
#include "ddpm/config/names.h"
#include "ddpm/sample/generator.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

json to_json(const SampleJob& job, const SampleFlags& flags, const DrawResult& result) {
  const auto& options = job.pipeline.sample;
  json object = {{"out", job.out.string()},
                 {"images", result.done},
                 {"checkpoint", job.checkpoint.string()},
                 {"sampler", to_name(options.sampler)},
                 {"steps", options.steps},
                 {"network_calls", result.network_calls},
                 {"guidance", options.guidance},
                 {"seed", flags.seed},
                 {"labels", job.labels},
                 {"device", job.device.str()},
                 {"precision", to_name(job.precision)}};
  if (job.classifier) {
    object["classifier"] = job.classifier->path.string();
    object["classifier_scale"] = flags.classifier_scale;
  }
  if (job.edit.mode != EditMode::kNone) object["edit"] = flag_of(job.edit.mode).substr(2);
  if (result.mse) {
    object["mse"] = *result.mse;
    object["psnr"] = psnr(*result.mse);  // null if infinite
  }
  return object;
}

void report(const SampleJob& job, const SampleFlags& flags, const DrawResult& result,
            double seconds) {
  log_info(std::to_string(result.done) + " images in " + format_duration(seconds) + ", " +
           std::to_string(result.network_calls) + " network calls each");
  if (result.mse)
    log_info("reconstruction: mean squared error " + format_number(*result.mse) + ", PSNR " +
             format_number(psnr(*result.mse)) + " dB");
  if (!flags.common.json) {
    if (result.done > 0) std::cout << job.out.string() << "\n";
    return;
  }
  auto object = to_json(job, flags, result);
  object["seconds"] = seconds;
  std::cout << shown_json(object) << "\n";
}

ExitCode run_sample(const CLI::App& command, const SampleFlags& flags) {
  refuse_unknown_words(command);
  apply_common_flags(flags.common);
  SampleJob job = make_sample_job(flags);
  if (job.precision == Precision::kAuto) {
    job.precision =
        probe_sampling_precision(job.pipeline, job.device, std::min(flags.batch_size, job.count));
  }
  catch_stop_signals();
  const auto start = Clock::now();
  const auto result = draw(job, flags);
  report(job, flags, result, std::chrono::duration<double>(Clock::now() - start).count());
  return result.done < job.count ? ExitCode::kStopped : ExitCode::kDone;
}

}  // namespace

void add_sample_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<SampleFlags>();
  auto* const command = app.add_subcommand("sample", "Draw images from a trained model.");
  add_checkpoint_flag(*command, flags->checkpoint);
  command
      ->add_option("-n,--num-images", flags->count,
                   "How many images (default 64, or as many as there are of --noise or to edit).")
      ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}))
      ->type_name("N");
  add_class_flag(*command, flags->classes);
  add_seed_flag(*command, flags->seed, "Image i has seed SEED+i.");
  add_batch_size_flag(*command, flags->batch_size,
                      "Images at a time; changes them by rounding at most.");
  command->add_option("--out", flags->out, "NAME.png (a grid), NAME.npz, NAME.npy or a folder.")
      ->type_name("PATH");
  command
      ->add_option("--noise", flags->noise,
                   "Start from this noise, float32 [N, C, H, W] in a .npy file.")
      ->type_name("FILE");
  add_setting_aliases(*command, flags->settings, "sample", {"steps", "sampler", "guidance"});
  command
      ->add_option("--negative-class", flags->negative_class,
                   "Class name or number to guide away from (default: 'no class').")
      ->type_name("CLASS");
  command
      ->add_option("--guide-with", flags->guide_with,
                   "Guide away from this weaker model (autoguidance) instead of a class.")
      ->type_name("PATH");
  add_setting_aliases(*command, flags->settings, "sample",
                      {"guidance_rescale", "guidance_interval", "guidance_schedule",
                       "guidance_clamp", "order", "eta", "s_churn"});
  command
      ->add_option("--classifier", flags->classifier,
                   "Guide by the gradient of this classifier (a run with train.task classifier).")
      ->type_name("PATH");
  command
      ->add_option("--classifier-scale", flags->classifier_scale,
                   "Scale of the classifier's gradient.")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->type_name("SCALE");
  add_setting_aliases(*command, flags->settings, "sample",
                      {"timestep_spacing", "variance_type", "clip_sample"});
  add_edit_flags(*command, flags->edit);
  add_common_flags(*command, flags->common);
  add_setting_flags(*command, flags->settings, {"sample"});
  command->allow_extras();
  command->callback([command, flags, &exit_code] { exit_code = run_sample(*command, *flags); });
}

}  // namespace ddpm
