#include "ddpm/cli/edit_flags.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "ddpm/cli/command_line.h"
#include "ddpm/sample/output.h"
#include "ddpm/util/error.h"
#include "ddpm/util/number.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using Modes = std::vector<EditMode>;

std::string edit_flag(EditMode mode) {
  return "--" + to_name(mode);
}

/// A flag that belongs to some modes.
struct Belonging {
  const char* flag;
  bool given;
  Modes modes;
};

Modes given_modes(const EditFlags& flags) {
  Modes modes;
  if (!flags.interpolate.empty()) modes.push_back(EditMode::kInterpolate);
  if (!flags.invert.empty()) modes.push_back(EditMode::kInvert);
  if (!flags.inpaint.empty()) modes.push_back(EditMode::kInpaint);
  if (!flags.init.empty()) modes.push_back(EditMode::kInit);
  if (flags.strip) modes.push_back(EditMode::kStrip);
  return modes;
}

std::string words_of(const Modes& modes) {
  std::vector<std::string> words;
  for (const auto mode : modes)
    words.push_back(edit_flag(mode));
  return join(words, " or ");
}

void check_belongings(const EditFlags& flags, EditMode mode) {
  const Modes init{EditMode::kInit};
  const Modes inpaint{EditMode::kInpaint};
  const Belonging belongings[] = {
      {"--frames", flags.frames.has_value(), {EditMode::kInterpolate}},
      {"--inversion", flags.inversion.has_value(), {EditMode::kInvert, EditMode::kInterpolate}},
      {"--mask", !flags.mask.empty(), {EditMode::kInpaint, EditMode::kInit}},
      {"--jump-length", flags.jump_length.has_value(), inpaint},
      {"--jump-samples", flags.jump_samples.has_value(), inpaint},
      {"--strength", flags.strength.has_value(), init},
      {"--repeats", flags.repeats.has_value(), init},
      {"--fit",
       flags.fit,
       {EditMode::kInvert, EditMode::kInpaint, EditMode::kInit, EditMode::kInterpolate}},
  };
  for (const auto& [flag, given, modes] : belongings)
    if (given && std::ranges::find(modes, mode) == modes.end())
      throw UserError(flag, " belongs to ", words_of(modes), ", which is not given");
}

/// Digits and signs alone: nobody means a file by that.
bool looks_like_number(std::string_view word) {
  return !word.empty() && word.find_first_not_of("+-0123456789") == word.npos;
}

std::optional<uint64_t> seed_in(std::string_view word) {
  if (!looks_like_number(word)) return std::nullopt;
  const auto seed = parse_number<int64_t>(word).value_or(-1);
  if (seed >= 0) return static_cast<uint64_t>(seed);
  throw UserError("--interpolate ", word, ": expected a seed from 0 to ", INT64_MAX,
                  " without sign or zeros before it, or a file (./", word, ")");
}

/// The two numbers of `--interpolate 3,17`; none if it names two files.
std::optional<std::pair<uint64_t, uint64_t>> interpolated_seeds(const std::string& text) {
  const auto [first, second] = interpolated_ends(text);
  const auto a = seed_in(first);
  const auto b = seed_in(second);
  if (!a || !b) return std::nullopt;
  return std::pair(*a, *b);
}

void check_values(const EditFlags& flags) {
  if (flags.inversion && *flags.inversion != "ddim" && *flags.inversion != "fixed-point")
    throw UserError("--inversion must be ddim or fixed-point, got '", *flags.inversion, "'");
  if (flags.interpolate.empty()) return;
  interpolated_ends(flags.interpolate);
  const bool of_seeds = interpolated_seeds(flags.interpolate).has_value();
  if (of_seeds && (flags.inversion || flags.fit))
    throw UserError(flags.fit ? "--fit" : "--inversion",
                    " is for images, and --interpolate names two seeds");
}

/// Refuses "", which would read as a flag that is not given.
CLI::Validator not_empty() {
  return {[](std::string& text) { return std::string(text.empty() ? "expected a value" : ""); },
          ""};
}

void add_inpaint_flags(CLI::App& command, EditFlags& flags, const std::string& group) {
  command
      .add_option("--inpaint", flags.inpaint,
                  "Draw anew the parts of these images that --mask leaves open (RePaint); -n "
                  "completions, each of its own seed.")
      ->check(not_empty())
      ->type_name("IMAGES")
      ->group(group);
  command
      .add_option("--mask", flags.mask,
                  "With --inpaint or --init: white (1) where the image is kept, black (0) where "
                  "it is drawn; one for all images or one each.")
      ->check(not_empty())
      ->type_name("IMAGES")
      ->group(group);
  add_number_flag(
      command,
      {.names = "--jump-length",
       .help = "With --inpaint: steps that each jump back to more noise goes (default 10, or a "
               "fifth of --steps if that is less).",
       .range = {.min = 1, .max = 1'000'000},
       .value_name = "N"},
      flags.jump_length)
      ->group(group);
  add_number_flag(
      command,
      {.names = "--jump-samples",
       .help = "With --inpaint: times that each stretch of steps is denoised (default 10); 1: "
               "no jumps.",
       .range = {.min = 1, .max = 1000},
       .value_name = "N"},
      flags.jump_samples)
      ->group(group);
}

void add_other_flags(CLI::App& command, EditFlags& flags, const std::string& group) {
  command
      .add_option("--init", flags.init,
                  "Edit these images by noising and denoising them (SDEdit): file, folder, .npz "
                  "or .npy; -n of them in turn.")
      ->check(not_empty())
      ->type_name("IMAGES")
      ->group(group);
  add_real_flag(command,
                {.names = "--strength",
                 .help = "With --init: the share of the steps that is done, above 0 and at most 1 "
                         "(default 0.6).",
                 .range = {.min = 0, .max = 1, .above_min = true},
                 .value_name = "SHARE"},
                [&flags](double share) { flags.strength = share; })
      ->group(group);
  add_number_flag(
      command,
      {.names = "--repeats",
       .help = "With --init: passes, each from the result of the one before (default 1).",
       .range = {.min = 1, .max = 1000},
       .value_name = "N"},
      flags.repeats)
      ->group(group);
  command
      .add_flag("--fit", flags.fit,
                "Bring images and masks of another size or colour to the model's: scaled, "
                "centre-cropped and converted as in training. Without it they are refused.")
      ->group(group);
  add_number_flag(
      command,
      {.names = "--strip",
       .help = "A row for each image: what the network thought it would be on the way, in "
               "this many pictures, the last of which is the image.",
       .range = {.min = 2, .max = 1000},
       .value_name = "PICTURES"},
      flags.strip)
      ->group(group);
}

/// Refuses flags that do not go together.
void check_together(const EditFlags& flags, EditMode mode, const SampleRequest& request) {
  if (!request.noise.empty() && mode != EditMode::kNone && mode != EditMode::kStrip)
    throw UserError("--noise and ", edit_flag(mode), " both say what to start from; give one");
  check_belongings(flags, mode);
  check_values(flags);
  if (flags.frames && request.count)
    throw UserError("-n and --frames both say how many pictures; give one");
  if (mode == EditMode::kInterpolate && request.count && *request.count < 2)
    throw UserError("-n must be at least 2 for --interpolate, got ", *request.count);
  if (mode == EditMode::kInpaint && flags.mask.empty())
    throw UserError("--inpaint needs a --mask: white where the image is kept");
  if (request.out.empty()) return;
  const auto kind = output_kind(request.out);
  const bool holds_noise = kind == OutputKind::kNpy || kind == OutputKind::kGrid;
  if (mode == EditMode::kInvert && !holds_noise)
    throw UserError("--out for --invert: expected NAME.npy (the noise) or NAME.png (a picture of ",
                    "originals and reconstructions)");
}

std::string source_of(const EditFlags& flags) {
  for (const auto* text : {&flags.interpolate, &flags.invert, &flags.inpaint, &flags.init})
    if (!text->empty()) return *text;
  return "";
}

}  // namespace

void add_edit_flags(CLI::App& command, EditFlags& flags) {
  const std::string group = "Editing (docs/editing.md)";
  command
      .add_option("--interpolate", flags.interpolate,
                  "Pictures between two seeds (3,17) or two images (a.png,b.png), along the great "
                  "circle between their noise; a row for each class.")
      ->check(not_empty())
      ->type_name("A,B")
      ->group(group);
  add_number_flag(command,
                  {.names = "--frames",
                   .help = "With --interpolate: pictures a row (default 9), as -n.",
                   .range = {.min = 2, .max = 100'000},
                   .value_name = "N"},
                  flags.frames)
      ->group(group);
  command
      .add_option("--invert", flags.invert,
                  "Find the noise that gives these images: file, folder, .npz or .npy. --out "
                  "x_T.npy keeps it for --noise; --out x.png shows originals above "
                  "reconstructions.")
      ->check(not_empty())
      ->type_name("IMAGES")
      ->group(group);
  command
      .add_option("--inversion", flags.inversion,
                  "ddim (a network call a step) or fixed-point (exact, several; the default).")
      ->type_name("")
      ->group(group);
  add_inpaint_flags(command, flags, group);
  add_other_flags(command, flags, group);
}

EditRequest edit_request(const EditFlags& flags, const SampleRequest& request) {
  const auto modes = given_modes(flags);
  if (modes.size() > 1)
    throw UserError(edit_flag(modes[0]), " and ", edit_flag(modes[1]),
                    " are two things to do; give one of them");
  EditRequest edit{.mode = modes.empty() ? EditMode::kNone : modes.front(),
                   .source = source_of(flags)};
  check_together(flags, edit.mode, request);
  if (edit.mode == EditMode::kInterpolate) edit.seeds = interpolated_seeds(flags.interpolate);
  edit.frames = flags.frames;
  edit.exact_inversion = flags.inversion != "ddim";
  edit.mask = flags.mask;
  edit.jump_length = flags.jump_length;
  edit.jump_samples = flags.jump_samples;
  edit.strength = flags.strength.value_or(edit.strength);
  edit.repeats = flags.repeats.value_or(edit.repeats);
  edit.fit = flags.fit;
  edit.strip = flags.strip.value_or(0);
  return edit;
}

}  // namespace ddpm
