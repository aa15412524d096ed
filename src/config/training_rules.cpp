#include <algorithm>
#include <string>
#include <vector>

#include "ddpm/config/names.h"
#include "ddpm/config/rules.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

/// Rules of what is trained; the others are in rules.cpp.

namespace ddpm {
namespace {

/// Settings of `train` that only the discrete process has.
void check_discrete_training(const Config& config) {
  if (config.diffusion.process == ProcessType::kDiscrete) return;
  const auto process = to_name(config.diffusion.process);
  if (config.diffusion.variance != Variance::kFixed)
    throw UserError("diffusion.variance belongs to the process discrete, expected fixed for ",
                    process, ", got ", to_name(config.diffusion.variance));
  if (config.train.loss != Objective::kSimple)
    throw UserError("train.loss ", to_name(config.train.loss),
                    " needs the variational bound of the process discrete, expected simple for ",
                    process);
}

void check_loss(const Config& config) {
  const auto& train = config.train;
  const bool learned = config.diffusion.variance == Variance::kLearnedRange;
  if (learned && train.loss == Objective::kSimple)
    throw UserError("train.loss simple does not train the variance of diffusion.variance ",
                    "learned_range; expected hybrid or vlb");
  if (!learned && train.loss == Objective::kHybrid)
    throw UserError("train.loss hybrid trains the variance by the bound, expected ",
                    "diffusion.variance learned_range, got fixed");
  if (train.loss == Objective::kVlb && train.loss_weighting != LossWeighting::kNone)
    throw UserError("train.loss vlb has weights of its own, expected train.loss_weighting none, ",
                    "got ", to_name(train.loss_weighting));
  if (train.loss == Objective::kVlb && train.loss_type != LossType::kL2)
    throw UserError("train.loss vlb measures bits, train.loss_type ", to_name(train.loss_type),
                    " has no place in it; expected l2");
  if (train.p2_k == 0 && train.loss_weighting == LossWeighting::kP2 &&
      (config.diffusion.rescale_betas_zero_snr ||
       config.diffusion.beta_schedule == BetaSchedule::kJsd))
    throw UserError("train.p2_k must be above 0 for a schedule that ends in pure noise, got 0");
}

/// Each process has the distributions of noise levels that mean something for it.
void check_timestep_sampler(const Config& config) {
  const auto sampler = config.train.timestep_sampler;
  using Samplers = std::vector<TimestepSampler>;
  const auto refuse_all_but = [&](const Samplers& known) {
    if (std::ranges::find(known, sampler) != known.end()) return;
    std::vector<std::string> words;
    for (const auto word : known)
      words.emplace_back(to_name(word));
    throw UserError("train.timestep_sampler must be ", join(words, " or "), " for the process ",
                    to_name(config.diffusion.process), ", got ", to_name(sampler));
  };
  if (config.diffusion.process == ProcessType::kEdm)
    refuse_all_but(
        {TimestepSampler::kAuto, TimestepSampler::kLogNormal, TimestepSampler::kStratified});
  if (config.diffusion.process == ProcessType::kFlow)
    refuse_all_but({TimestepSampler::kAuto, TimestepSampler::kUniform, TimestepSampler::kStratified,
                    TimestepSampler::kLogitNormal});
}

/// A classifier has no prediction of noise, so nothing that shapes its loss.
void check_classifier(const Config& config) {
  const auto& train = config.train;
  if (train.task != Task::kClassifier) return;
  const auto refuse = [](std::string_view key, std::string_view value) {
    throw UserError(key, " ", value, " belongs to train.task denoiser; leave it out for a ",
                    "classifier");
  };
  if (train.loss != Objective::kSimple) refuse("train.loss", to_name(train.loss));
  if (train.loss_type != LossType::kL2) refuse("train.loss_type", to_name(train.loss_type));
  if (train.loss_weighting != LossWeighting::kNone)
    refuse("train.loss_weighting", to_name(train.loss_weighting));
  if (train.coupling != Coupling::kIndependent) refuse("train.coupling", to_name(train.coupling));
  if (train.timestep_sampler == TimestepSampler::kLossSecondMoment)
    refuse("train.timestep_sampler", to_name(train.timestep_sampler));
  if (train.eval_every > 0) refuse("train.eval_every", std::to_string(train.eval_every));
  if (config.diffusion.variance != Variance::kFixed)
    refuse("diffusion.variance", to_name(config.diffusion.variance));
}

}  // namespace

void check_objective(const Config& config) {
  check_classifier(config);
  check_discrete_training(config);
  check_loss(config);
  check_timestep_sampler(config);
}

}  // namespace ddpm
