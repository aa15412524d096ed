#include "ddpm/app/edit_plan.h"

#include <algorithm>

#include <torch/types.h>

#include "ddpm/app/edit_images.h"
#include "ddpm/config/names.h"
#include "ddpm/sample/editing.h"
#include "ddpm/samplers/sampler.h"
#include "ddpm/samplers/sdedit.h"
#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr int64_t kUsualFrames = 9;
constexpr int64_t kUsualStrips = 8;
constexpr int64_t kInversionCalls = 5;  // a step of fixed-point inversion, about

std::string field_of(EditMode mode) {
  return field_name(to_name(mode));
}

WantedImages wanted_images(const EditRequest& request, const Signature& model) {
  const auto& sides = model.sample_size;
  const bool known = !sides.empty();
  return {.field = field_of(request.mode),
          .size = {known ? sides[0] : 0, known ? sides[1] : 0, model.data_channels},
          .fit = request.fit,
          .any_colour = false,
          .most = std::nullopt};
}

torch::Tensor read_mask(const EditRequest& request, const torch::Tensor& images,
                        std::optional<int64_t> count) {
  const auto masks = read_images(request.mask, {.field = "`mask`",
                                                .size = {images.size(2), images.size(3), 1},
                                                .fit = request.fit,
                                                .any_colour = true,
                                                .most = count});
  const int64_t wanted = images.size(0);
  if (masks.size(0) != 1 && masks.size(0) != wanted)
    throw UserError("`mask` ", request.mask, ": holds ", masks.size(0),
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

void read_edited_images(EditPlan& edit, const EditRequest& request, const Signature& model,
                        std::optional<int64_t> count) {
  auto wanted = wanted_images(request, model);
  wanted.most = count;
  edit.images = read_images(edit.source, wanted);
  const int64_t images = edit.images.size(0);
  if (edit.mode == EditMode::kInvert && count && *count > images)
    throw UserError("`count` ", *count, ": `invert` ", edit.source, " holds only ", images,
                    " images");
  if (!request.mask.empty()) edit.keep = read_mask(request, edit.images, count);
}

void check_jumps(const EditPlan& edit, const SampleConfig& sample) {
  const auto& jumps = edit.jumps;
  if (jumps.samples == 1 || jumps.length < sample.steps) return;
  throw UserError("`jump_length` ", jumps.length, " must be below `steps` ", sample.steps,
                  ", or no jump has room; give less, or `jump_samples` 1");
}

}  // namespace

int64_t EditPlan::usual_count(int64_t classes) const {
  if (mode == EditMode::kInterpolate) return pictures * std::max(classes, int64_t{1});
  if (mode == EditMode::kStrip) return kUsualStrips;
  return images.size(0);
}

std::string to_name(EditMode mode) {
  switch (mode) {
    case EditMode::kInterpolate:
      return "interpolate";
    case EditMode::kInvert:
      return "invert";
    case EditMode::kInpaint:
      return "inpaint";
    case EditMode::kInit:
      return "init";
    case EditMode::kStrip:
      return "strip";
    case EditMode::kNone:
      break;
  }
  return "";
}

std::pair<std::string, std::string> interpolated_ends(const std::string& text) {
  const auto words = split(text, ',');
  if (words.size() != 2 || trim(words[0]).empty() || trim(words[1]).empty())
    throw UserError("`interpolate` '", text, "': expected two seeds or two image files, as 3,17");
  return {std::string(trim(words[0])), std::string(trim(words[1]))};
}

EditPlan plan_edit(const EditRequest& request, const Signature& model,
                   std::optional<int64_t> count) {
  EditPlan edit{.mode = request.mode,
                .source = request.source,
                .images = {},
                .keep = {},
                .seeds = request.seeds,
                .inversion = request.exact_inversion ? Inversion::kFixedPoint : Inversion::kDdim,
                .jumps = {.length = request.jump_length.value_or(0),
                          .samples = request.jump_samples.value_or(RepaintJumps().samples)},
                .mask = request.mask,
                .strength = request.strength,
                .repeats = request.repeats};
  if (edit.mode == EditMode::kStrip) edit.pictures = request.strip;
  if (edit.mode == EditMode::kInterpolate) {
    edit.pictures = request.frames.value_or(count.value_or(kUsualFrames));
    if (!edit.seeds) edit.images = read_ends(request.source, wanted_images(request, model));
  } else if (!edit.source.empty()) {
    read_edited_images(edit, request, model, count);
  }
  return edit;
}

void resolve_edit_sampler(EditPlan& edit, SampleConfig& sample, bool eta_given) {
  const auto field = field_of(edit.mode);
  if (edit.mode == EditMode::kInvert) check_invertible(sample, field);
  if (edit.mode == EditMode::kInterpolate) {
    if (!edit.seeds) check_invertible(sample, field);
    if (!is_deterministic(sample))
      throw UserError(field, ": the sampler ", to_name(sample.sampler), " adds noise of its own",
                      sample.eta != 0.0       ? " (eta)"
                      : sample.s_churn != 0.0 ? " (s_churn)"
                                              : "",
                      "; expected one without, as `sampler` ddim");
  }
  if (edit.mode == EditMode::kStrip && edit.pictures - 1 > sample.steps)
    throw UserError("`strip` ", edit.pictures, ": expected at most `steps` ", sample.steps,
                    " and 1 pictures");
  if (edit.mode != EditMode::kInpaint) return;
  auto& length = edit.jumps.length;
  if (length == 0) length = usual_jump_length(sample.steps);
  if (sample.steps > 1) check_jumps(edit, sample);
  if (sample.sampler != SamplerType::kDdim || eta_given || sample.eta != 0.0) return;
  sample.eta = 1.0;
  log_info("`inpaint`: sampler ddim with eta 1, as RePaint; `eta` 0 for steps without noise");
}

int64_t expected_calls(const EditPlan& edit, const SampleConfig& sample, int64_t plain_calls) {
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
