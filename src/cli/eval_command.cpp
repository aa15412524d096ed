#include "ddpm/cli/eval_command.h"

#include <iostream>
#include <memory>

#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/eval_context.h"
#include "ddpm/cli/eval_job.h"
#include "ddpm/cli/eval_report.h"
#include "ddpm/cli/eval_run.h"
#include "ddpm/cli/eval_sweep.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"

namespace ddpm {
namespace {

constexpr const char* kFooter =
    "Without --features, distances are in the features of Inception (FID) if its weights are at\n"
    "$DDPM_INCEPTION or in the cache as inception-2015-12-05.safetensors, which\n"
    "scripts/convert_inception.py makes from the file of pytorch-fid or torch-fidelity; else of a\n"
    "classifier that is trained on the data once, and are then called FD. docs/evaluation.md "
    "tells\n"
    "what each number means and depends on.";

void evaluate_once(const EvalFlags& flags) {
  const auto job = make_eval_job(flags);
  const auto context = make_eval_context(job, flags);
  const auto result = run_evaluation(job, flags, context);
  // First of all, or a full disk would cost a person the numbers.
  std::cout << (flags.common.json ? shown_json(result_json(result)) + "\n" : result_table(result))
            << std::flush;
  if (std::cout) forget_partials(result);
  if (const auto path = result_file(job, flags); !path.empty()) {
    write_result(result, path);
    log_info("written: " + path.string());
  }
  save_reference(context, flags);
  if (result.images) result.images->finish();
}

ExitCode run_eval(const CLI::App& command, const EvalFlags& flags) {
  refuse_unknown_words(command);
  apply_common_flags(flags.common);
  catch_stop_signals();
  try {
    if (flags.sweeps.empty()) {
      evaluate_once(flags);
    } else {
      run_sweep(flags);
    }
  } catch (const StopRequested& stop) {
    log_notice("stopped" + (stop.progress.empty() ? "" : "; " + stop.progress) +
               (stop.goes_on ? "; the same command goes on from there" : ""));
    return ExitCode::kStopped;
  }
  return ExitCode::kDone;
}

void add_metric_flags(CLI::App& command, EvalFlags& flags) {
  auto& m = flags.metrics;
  const auto add = [&](const char* name, bool& target, const char* help) {
    command.add_flag(name, target, help)->group("Metrics");
  };
  add("--fid", m.frechet, "Frechet distance: FID, or FD in a classifier's features.");
  add("--kid", m.kernel, "Kernel distance, mean and deviation over subsets.");
  add("--is", m.inception_score, "Inception score.");
  add("--pr", m.manifold, "Precision, recall, density and coverage.");
  add("--fid-infinity", m.frechet_infinity, "Frechet distance extrapolated to endless images.");
  add("--class-agreement", m.class_agreement,
      "Share of images that a classifier gives their class.");
  add("--per-class", m.per_class, "Frechet distance of each class.");
  add("--diversity", m.diversity, "Within classes: distance of features, MS-SSIM.");
  add("--neighbours", m.neighbours, "Share of near-copies of the reference, and their picture.");
  add("--bpd", m.bits_per_dim, "Bits per dimension of test images.");
  add("--all", flags.all, "Every metric that can be had.");
}

void add_image_flags(CLI::App& command, EvalFlags& flags) {
  add_checkpoint_flag(command, flags.checkpoint);
  command
      .add_option("--images", flags.images,
                  "Score these instead: a folder, an .npz, or train or test, a split of the data.")
      ->type_name("PATH");
  command
      .add_option("-n,--num-images", flags.count,
                  "Images to draw (default 10000), or to take of --images (default all).")
      ->check(CLI::Range(int64_t{2}, int64_t{100'000'000}))
      ->type_name("N");
  add_class_flag(command, flags.classes);
  add_seed_flag(command, flags.seed, "Image i has seed SEED+i.");
  add_batch_size_flag(command, flags.batch_size, "Images at a time.");
  command
      .add_option("--save-images", flags.save_images,
                  "Keep the images drawn: NAME.png (a grid), NAME.npz, NAME.npy or a folder.")
      ->type_name("PATH");
}

void add_reference_flags(CLI::App& command, EvalFlags& flags) {
  command
      .add_option(
          "--reference", flags.reference,
          "What to compare with: train, test, a folder, or an .npz of images or statistics.")
      ->capture_default_str()
      ->type_name("PATH");
  command
      .add_option("--features", flags.features,
                  "inception:FILE.safetensors or classifier:CHECKPOINT.")
      ->type_name("NETWORK");
  command
      .add_option("--resize", flags.resize,
                  "How images reach Inception's size: tf1 (the original FID) or pytorch-fid.")
      ->capture_default_str()
      ->type_name("NAME");
  command
      .add_option("--save-stats", flags.save_stats,
                  "Write the reference's statistics as pytorch-fid reads them.")
      ->type_name("FILE.npz");
  command.add_flag("--no-bounds", flags.no_bounds,
                   "Leave out the distances of test images and of noise.");
}

void add_detail_flags(CLI::App& command, EvalFlags& flags) {
  const auto add = [&](const char* name, int64_t& target, int64_t least, const char* help) {
    command.add_option(name, target, help)
        ->check(CLI::Range(least, int64_t{1'000'000}))
        ->capture_default_str()
        ->type_name("N");
  };
  add("-k,--nearest", flags.nearest, 1, "Neighbour that radii of --pr reach to.");
  add("--kid-subsets", flags.kid_subsets, 1, "Subsets of --kid.");
  add("--kid-subset-size", flags.kid_subset_size, 2, "Their images.");
  add("--bpd-images", flags.bits.images, 1, "Test images of --bpd.");
  command
      .add_option("--bpd-draws", flags.bits.draws,
                  "Steps of the chain drawn for each of them; 0: all, exact and slow.")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000}))
      ->capture_default_str()
      ->type_name("N");
  command
      .add_option("--bpd-method", flags.bits.method, "bound, ode, or auto: bound where it exists.")
      ->capture_default_str()
      ->type_name("NAME");
}

}  // namespace

void add_eval_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<EvalFlags>();
  auto* const command = app.add_subcommand("eval", "Score a trained model, or images.");
  add_metric_flags(*command, *flags);
  add_image_flags(*command, *flags);
  add_setting_aliases(*command, flags->settings, "sample",
                      {"steps", "sampler", "guidance", "guidance_interval", "timestep_spacing"});
  add_reference_flags(*command, *flags);
  add_detail_flags(*command, *flags);
  command
      ->add_option("--sweep", flags->sweeps,
                   "Score all combinations: SETTING=A,B,... (sampler, steps, guidance, "
                   "checkpoint, ...); once for each setting.")
      ->allow_extra_args(false)
      ->type_name("SETTING=A,B");
  command
      ->add_option("--out", flags->out, "File of the result (default: in the run's folder eval).")
      ->type_name("FILE.json");
  add_common_flags(*command, flags->common);
  add_setting_flags(*command, flags->settings, {"data", "sample"});
  command->footer(kFooter);
  command->allow_extras();
  command->callback([command, flags, &exit_code] { exit_code = run_eval(*command, *flags); });
}

}  // namespace ddpm
