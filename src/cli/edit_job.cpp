#include "ddpm/cli/edit_job.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/cli/edit_images.h"
#include "ddpm/config/names.h"
#include "ddpm/sample/editing.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/samplers/sdedit.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"

namespace ddpm {
namespace {

constexpr int64_t kUsualFrames = 9;
constexpr int64_t kUsualStrips = 8;
constexpr int64_t kInversionCalls = 5;  // a step of fixed-point inversion, about

WantedImages wanted_images(const EditFlags& flags, const ModelConfig& model) {
  const auto& sides = model.sample_size;
  const bool known = !sides.empty();
  return {.flag = flag_of(flags.mode()),
          .size = {known ? sides[0] : 0, known ? sides[1] : 0, model.in_channels},
          .fit = flags.fit,
          .any_colour = false,
          .most = std::nullopt};
}

torch::Tensor read_mask(const EditFlags& flags, const torch::Tensor& images,
                        std::optional<int64_t> count) {
  const auto masks = read_images(flags.mask, {.flag = "--mask",
                                              .size = {images.size(2), images.size(3), 1},
                                              .fit = flags.fit,
                                              .any_colour = true,
                                              .most = count});
  const int64_t wanted = images.size(0);
  if (masks.size(0) != 1 && masks.size(0) != wanted)
    throw UserError("--mask ", flags.mask, ": holds ", masks.size(0),
                    " masks, expected one for all images or one for each of ", wanted);
  return masks > 0;
}

/// Two images, [2, C, H, W].
torch::Tensor read_ends(const std::string& text, WantedImages wanted) {
  const auto [first, second] = interpolated_ends(text);
  wanted.most = 1;
  const auto a = read_images(first, wanted);
  wanted.size.height = a.size(2);
  wanted.size.width = a.size(3);
  return torch::cat({a, read_images(second, wanted)});
}

void read_edited_images(EditJob& edit, const EditFlags& flags, const ModelConfig& model,
                        std::optional<int64_t> count) {
  auto wanted = wanted_images(flags, model);
  wanted.most = count;
  edit.images = read_images(edit.source, wanted);
  const int64_t images = edit.images.size(0);
  if (edit.mode == EditMode::kInvert && count && *count > images)
    throw UserError("-n ", *count, ": --invert ", edit.source, " holds only ", images, " images");
  if (!flags.mask.empty()) edit.keep = read_mask(flags, edit.images, count);
}

std::string source_of(const EditFlags& flags) {
  for (const auto* text : {&flags.interpolate, &flags.invert, &flags.inpaint, &flags.init})
    if (!text->empty()) return *text;
  return "";
}

void check_jumps(const EditJob& edit, const SampleConfig& sample) {
  const auto& jumps = edit.jumps;
  if (jumps.samples == 1 || jumps.length < sample.steps) return;
  throw UserError("--jump-length ", jumps.length, " must be below --steps ", sample.steps,
                  ", or no jump has room; give less, or --jump-samples 1");
}

}  // namespace

int64_t EditJob::usual_count(int64_t classes) const {
  if (mode == EditMode::kInterpolate) return pictures * std::max(classes, int64_t{1});
  if (mode == EditMode::kStrip) return kUsualStrips;
  return images.size(0);
}

EditJob make_edit_job(const EditFlags& flags, const ModelConfig& model,
                      std::optional<int64_t> count) {
  EditJob edit;
  edit.mode = flags.mode();
  edit.source = source_of(flags);
  if (flags.inversion == "ddim") edit.inversion = Inversion::kDdim;
  edit.strength = flags.strength.value_or(edit.strength);
  edit.repeats = flags.repeats.value_or(edit.repeats);
  edit.jumps = {.length = flags.jump_length.value_or(0),
                .samples = flags.jump_samples.value_or(RepaintJumps().samples)};
  if (edit.mode == EditMode::kStrip) edit.pictures = *flags.strip;
  if (edit.mode == EditMode::kInterpolate) {
    edit.pictures = flags.frames.value_or(count.value_or(kUsualFrames));
    edit.seeds = interpolated_seeds(flags.interpolate);
    if (!edit.seeds) edit.images = read_ends(flags.interpolate, wanted_images(flags, model));
  } else if (!edit.source.empty()) {
    read_edited_images(edit, flags, model, count);
  }
  return edit;
}

void settle_edit_sampler(EditJob& edit, SampleConfig& sample, bool eta_given) {
  const auto flag = flag_of(edit.mode);
  if (edit.mode == EditMode::kInvert) check_invertible(sample, flag);
  if (edit.mode == EditMode::kInterpolate) {
    if (!edit.seeds) check_invertible(sample, flag);
    if (!is_deterministic(sample))
      throw UserError(flag, ": the sampler ", to_name(sample.sampler), " adds noise of its own",
                      sample.eta != 0.0       ? " (eta)"
                      : sample.s_churn != 0.0 ? " (s_churn)"
                                              : "",
                      "; expected one without, as --sampler ddim");
  }
  if (edit.mode == EditMode::kStrip && edit.pictures - 1 > sample.steps)
    throw UserError("--strip ", edit.pictures, ": expected at most --steps ", sample.steps,
                    " and 1 pictures");
  if (edit.mode != EditMode::kInpaint) return;
  auto& length = edit.jumps.length;
  if (length == 0) length = usual_jump_length(sample.steps);
  if (sample.steps > 1) check_jumps(edit, sample);
  if (sample.sampler != SamplerType::kDdim || eta_given || sample.eta != 0.0) return;
  sample.eta = 1.0;
  log_info("--inpaint: sampler ddim with eta 1, as RePaint; --eta 0 for steps without noise");
}

int64_t expected_calls(const EditJob& edit, const SampleConfig& sample, int64_t plain_calls) {
  if (edit.mode == EditMode::kInvert)
    return plain_calls * (edit.inversion == Inversion::kDdim ? 2 : 1 + kInversionCalls);
  int64_t steps = sample.steps;
  if (edit.mode == EditMode::kInit)
    steps = edited_steps(sample.steps, edit.strength) * edit.repeats;
  if (edit.mode == EditMode::kInpaint) {
    const auto levels = repaint_levels(sample.steps, edit.jumps);
    steps = 0;
    for (size_t i = 0; i + 1 < levels.size(); ++i)
      steps += levels[i + 1] < levels[i] ? 1 : 0;
  }
  return std::max(plain_calls * steps / sample.steps, int64_t{1});
}

}  // namespace ddpm
