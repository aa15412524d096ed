#include <string>
#include <vector>

#include "ddpm/config/applies.h"
#include "ddpm/config/names.h"
#include "ddpm/config/process_traits.h"
#include "ddpm/config/rules.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

/// Rules of what is trained; the others are in rules.cpp.

namespace ddpm {
namespace {

void check_bound(const Config& config) {
  const auto process = config.diffusion.process;
  if (traits_of(process).has_timesteps || config.train.loss == DenoisingLoss::kSimple) return;
  throw UserError("train.loss ", to_name(config.train.loss),
                  " needs the variational bound of the process discrete, expected simple for ",
                  to_name(process));
}

void check_loss(const Config& config) {
  const auto& train = config.train;
  const bool learned = config.diffusion.variance == Variance::kLearnedRange;
  if (learned && train.loss == DenoisingLoss::kSimple)
    throw UserError("train.loss simple does not train the variance of diffusion.variance ",
                    "learned_range; expected hybrid or vlb");
  if (!learned && train.loss == DenoisingLoss::kHybrid)
    throw UserError("train.loss hybrid trains the variance by the bound, expected ",
                    "diffusion.variance learned_range, got fixed");
  if (train.loss == DenoisingLoss::kVlb && train.loss_weighting != LossWeighting::kNone)
    throw UserError("train.loss vlb has weights of its own, expected train.loss_weighting none, ",
                    "got ", to_name(train.loss_weighting));
  if (train.loss == DenoisingLoss::kVlb && train.loss_type != LossType::kL2)
    throw UserError("train.loss vlb measures bits, train.loss_type ", to_name(train.loss_type),
                    " has no place in it; expected l2");
  if (train.p2_k == 0 && train.loss_weighting == LossWeighting::kP2 &&
      (config.diffusion.rescale_betas_zero_snr ||
       config.diffusion.beta_schedule == BetaSchedule::kJsd))
    throw UserError("train.p2_k must be above 0 for a schedule that ends in pure noise, got 0");
}

/// Each process has the distributions of noise levels that mean something for it.
void check_timestep_sampler(const Config& config) {
  const auto& process = traits_of(config.diffusion.process);
  const auto sampler = config.train.timestep_sampler;
  if (process.has_timestep_sampler(sampler)) return;
  std::vector<std::string> words;
  for (const auto known : process.timestep_samplers)
    words.emplace_back(to_name(known));
  throw UserError("train.timestep_sampler must be ", join(words, " or "), " for the process ",
                  to_name(process.type), ", got ", to_name(sampler));
}

/// A classifier has no prediction of noise, so no loss to draw timesteps by.
void check_classifier_draws(const TrainConfig& train) {
  const bool by_losses = train.timestep_sampler == TimestepSampler::kLossSecondMoment;
  if (train.task != Task::kClassifier || !by_losses) return;
  throw UserError("train.timestep_sampler ", to_name(train.timestep_sampler),
                  " belongs to train.task denoiser; leave it out for a classifier");
}

}  // namespace

void check_objective(const Config& config) {
  check_applies(config, "train");
  check_applies(config, "diffusion");
  check_classifier_draws(config.train);
  check_bound(config);
  check_loss(config);
  check_timestep_sampler(config);
}

}  // namespace ddpm
