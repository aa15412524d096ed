#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "ddpm/app/eval_sweep.h"
#include "ddpm/app/evaluate.h"
#include "ddpm/app/result_files.h"
#include "ddpm/checkpoint/json.h"
#include "ddpm/cli/command_line.h"
#include "ddpm/cli/commands.h"
#include "ddpm/cli/eval_table.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"

namespace ddpm {
namespace {

constexpr const char* kEvalFooter =
    "Without --features, distances are in the features of Inception (FID) if its weights are at\n"
    "$DDPM_INCEPTION or in the cache as inception-2015-12-05.safetensors, which\n"
    "scripts/convert_inception.py makes from the file of pytorch-fid or torch-fidelity; else of a\n"
    "classifier that is trained on the data once, and are then called FD. docs/evaluation.md "
    "tells\n"
    "what each number means and depends on.";

/// Prints the result first of all; false if stdout takes nothing.
bool print(const EvalResult& result, bool as_json) {
  std::cout << (as_json ? shown_json(result_json(result)) + "\n" : result_table(result))
            << std::flush;
  return static_cast<bool>(std::cout);
}

void print(const SweepResults& results, bool as_json) {
  std::cout << (as_json ? shown_json(results.content) + "\n" : sweep_csv(results.rows))
            << std::flush;
}

ExitCode run_eval(const CLI::App& command, const CommonFlags& flags, const EvalRequest& request) {
  refuse_unknown_words(command, [](const std::vector<std::string>& words) {
    if (words.size() < 2) return "say --images " + words[0] + " or --reference " + words[0];
    return "say --images " + words[0] + " --reference " + words[1];
  });
  apply_common_flags(flags);
  catch_stop_signals();
  try {
    if (request.sweep.empty()) {
      evaluate(request, [&](const EvalResult& result) { return print(result, flags.json); });
    } else {
      run_sweep(request, [&](const SweepResults& results) { print(results, flags.json); });
    }
  } catch (const StopRequested& stop) {
    log_notice("stopped" + (stop.progress.empty() ? "" : "; " + stop.progress) +
               (stop.goes_on ? "; the same command goes on from there" : ""));
    return ExitCode::kStopped;
  }
  return ExitCode::kDone;
}

void add_metric_flags(CLI::App& command, EvalRequest& request) {
  for (const auto& row : metric_table())
    command
        .add_flag_callback(
            "--" + std::string(row.word),
            [&request, metric = row.metric] { request.metrics.add(metric); }, std::string(row.help))
        ->group("Metrics");
  command.add_flag("--all", request.all, "Every metric that can be had.")->group("Metrics");
}

void add_image_flags(CLI::App& command, EvalRequest& request, CommonFlags& flags) {
  add_checkpoint_flag(command, request.checkpoint);
  command
      .add_option("--images", request.images,
                  "Score these instead: a folder, an .npz, .npy or .zip, or train, val or test, a "
                  "split of the data.")
      ->type_name("PATH");
  add_number_flag(command,
                  {.names = "-n,--num-images",
                   .help = "Images to draw (default 10000), or to take of --images (default all).",
                   .range = {.min = 2, .max = 1e8}},
                  request.count);
  add_class_flag(command, request.classes);
  add_seed_flag(command, request.seed, flags.drawn_seed, "Image i has seed SEED+i.");
  add_batch_size_flag(command, request.batch_size, "Images at a time.");
  command
      .add_option("--save-images", request.save_images,
                  "Keep the images drawn: NAME.png (a grid), NAME.npz, NAME.npy or a folder.")
      ->type_name("PATH");
}

void add_reference_flags(CLI::App& command, EvalRequest& request) {
  command
      .add_option(
          "--reference", request.reference,
          "What to compare with: train, val, test, a folder, a .zip or .npy of images, or an .npz "
          "of images or statistics.")
      ->capture_default_str()
      ->type_name("PATH");
  command
      .add_option("--features", request.features,
                  "inception:FILE.safetensors or classifier:CHECKPOINT.")
      ->type_name("NETWORK");
  command
      .add_option("--resize", request.resize,
                  "How images reach Inception's size: tf1 (the original FID) or pytorch-fid.")
      ->capture_default_str()
      ->type_name("NAME");
  command
      .add_option("--save-stats", request.save_stats,
                  "Write the reference's statistics as pytorch-fid reads them.")
      ->type_name("FILE.npz");
  command.add_flag_callback(
      "--no-bounds", [&request] { request.bounds = false; },
      "Leave out the distances of test images and of noise.");
}

BitsMethod parse_bits_method(const std::string& word) {
  if (word == "auto") return BitsMethod::kAuto;
  if (word == "bound") return BitsMethod::kBound;
  if (word == "ode") return BitsMethod::kOde;
  throw UserError("--bpd-method ", word, ": expected auto, bound or ode");
}

void add_detail_flags(CLI::App& command, EvalRequest& request) {
  const auto add = [&](const char* names, int64_t& target, double least, const char* help) {
    add_number_flag(command, {.names = names, .help = help, .range = {.min = least, .max = 1e6}},
                    target);
  };
  add("-k,--nearest", request.nearest, 1, "Neighbour that radii of --pr reach to.");
  add("--kid-subsets", request.kid_subsets, 1, "Subsets of --kid.");
  add("--kid-subset-size", request.kid_subset_size, 2, "Their images.");
  add("--bpd-images", request.bits.images, 1, "Test images of --bpd.");
  add("--bpd-draws", request.bits.draws, 0,
      "Steps of the chain drawn for each of them; 0: all, exact and slow.");
  command
      .add_option_function<std::string>(
          "--bpd-method",
          [&request](const std::string& word) { request.bits.method = parse_bits_method(word); },
          "bound, ode, or auto: bound where it exists.")
      ->default_str("auto")
      ->type_name("NAME");
}

}  // namespace

void add_eval_command(CLI::App& app, ExitCode& exit_code) {
  auto flags = std::make_shared<CommonFlags>();
  auto request = std::make_shared<EvalRequest>();
  auto* const command = app.add_subcommand("eval", "Score a trained model, or images.");
  add_metric_flags(*command, *request);
  add_image_flags(*command, *request, *flags);
  add_setting_aliases(*command, put_into(request->settings), "sample",
                      {"steps", "sampler", "guidance", "guidance_interval", "timestep_spacing"});
  add_reference_flags(*command, *request);
  add_detail_flags(*command, *request);
  command
      ->add_option_function<std::vector<std::string>>(
          "--sweep",
          [request](const std::vector<std::string>& texts) {
            for (const auto& text : texts)
              request->sweep.push_back(parse_sweep(text));
          },
          "Score all combinations: SETTING=A,B,... (sampler, steps, guidance, "
          "checkpoint, ...); once for each setting.")
      ->allow_extra_args(false)
      ->type_name("SETTING=A,B");
  command
      ->add_option("--out", request->out, "File of the result (default: in the run's folder eval).")
      ->type_name("FILE.json");
  add_common_flags(*command, *flags, request->runtime);
  add_setting_flags(*command, put_into(request->settings), {"data", "sample"});
  command->footer(kEvalFooter);
  command->allow_extras();
  command->callback(
      [command, flags, request, &exit_code] { exit_code = run_eval(*command, *flags, *request); });
}

}  // namespace ddpm
