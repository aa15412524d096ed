#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// An enum's value and the word for it in settings and in diffusers' files.
template <typename E>
struct Named {
  E value;
  std::string_view name;
};

/// The words of the enum `E`, one entry for each of its values; a further entry for the same value
/// is another word that is understood. Every enum of `Config` has a table.
template <typename E>
inline constexpr std::array<Named<E>, 0> kNames = {};

template <>
inline constexpr auto kNames<TimeScaleShift> = std::to_array<Named<TimeScaleShift>>({
    {TimeScaleShift::kDefault, "default"},
    {TimeScaleShift::kScaleShift, "scale_shift"},
});

template <>
inline constexpr auto kNames<Resampling> = std::to_array<Named<Resampling>>({
    {Resampling::kConv, "conv"},
    {Resampling::kResnet, "resnet"},
});

template <>
inline constexpr auto kNames<DataLabels> = std::to_array<Named<DataLabels>>({
    {DataLabels::kAuto, "auto"},
    {DataLabels::kFolder, "folder"},
    {DataLabels::kPrefix, "prefix"},
    {DataLabels::kNone, "none"},
});

template <>
inline constexpr auto kNames<HeldOut> = std::to_array<Named<HeldOut>>({
    {HeldOut::kAuto, "auto"},
    {HeldOut::kVal, "val"},
    {HeldOut::kTest, "test"},
});

template <>
inline constexpr auto kNames<ProcessType> = std::to_array<Named<ProcessType>>({
    {ProcessType::kDiscrete, "discrete"},
    {ProcessType::kEdm, "edm"},
    {ProcessType::kFlow, "flow"},
});

template <>
inline constexpr auto kNames<BetaSchedule> = std::to_array<Named<BetaSchedule>>({
    {BetaSchedule::kLinear, "linear"},
    {BetaSchedule::kScaledLinear, "scaled_linear"},
    {BetaSchedule::kScaledLinear, "quadratic"},
    {BetaSchedule::kCosine, "squaredcos_cap_v2"},
    {BetaSchedule::kSigmoid, "sigmoid"},
    {BetaSchedule::kJsd, "jsd"},
});

template <>
inline constexpr auto kNames<PredictionType> = std::to_array<Named<PredictionType>>({
    {PredictionType::kEpsilon, "epsilon"},
    {PredictionType::kSample, "sample"},
    {PredictionType::kVPrediction, "v_prediction"},
});

template <>
inline constexpr auto kNames<OptimizerType> = std::to_array<Named<OptimizerType>>({
    {OptimizerType::kAdam, "adam"},
    {OptimizerType::kAdamW, "adamw"},
    {OptimizerType::kMuon, "muon"},
});

template <>
inline constexpr auto kNames<LrSchedule> = std::to_array<Named<LrSchedule>>({
    {LrSchedule::kConstant, "constant"},
    {LrSchedule::kLinear, "linear"},
    {LrSchedule::kCosine, "cosine"},
});

template <>
inline constexpr auto kNames<Precision> = std::to_array<Named<Precision>>({
    {Precision::kAuto, "auto"},
    {Precision::kFloat32, "float32"},
    {Precision::kBFloat16, "bf16"},
    {Precision::kTf32, "tf32"},
});

template <>
inline constexpr auto kNames<GradientCheckpointing> = std::to_array<Named<GradientCheckpointing>>({
    {GradientCheckpointing::kNone, "none"},
    {GradientCheckpointing::kBlocks, "blocks"},
});

template <>
inline constexpr auto kNames<Pooling> = std::to_array<Named<Pooling>>({
    {Pooling::kMean, "mean"},
    {Pooling::kAttention, "attention"},
});

template <>
inline constexpr auto kNames<Variance> = std::to_array<Named<Variance>>({
    {Variance::kFixed, "fixed"},
    {Variance::kLearnedRange, "learned_range"},
});

template <>
inline constexpr auto kNames<Task> = std::to_array<Named<Task>>({
    {Task::kDenoiser, "denoiser"},
    {Task::kClassifier, "classifier"},
});

template <>
inline constexpr auto kNames<DenoisingLoss> = std::to_array<Named<DenoisingLoss>>({
    {DenoisingLoss::kSimple, "simple"},
    {DenoisingLoss::kHybrid, "hybrid"},
    {DenoisingLoss::kVlb, "vlb"},
});

template <>
inline constexpr auto kNames<LossType> = std::to_array<Named<LossType>>({
    {LossType::kL2, "l2"},
    {LossType::kL1, "l1"},
    {LossType::kHuber, "huber"},
});

template <>
inline constexpr auto kNames<LossWeighting> = std::to_array<Named<LossWeighting>>({
    {LossWeighting::kNone, "none"},
    {LossWeighting::kSnr, "snr"},
    {LossWeighting::kMinSnr, "min_snr"},
    {LossWeighting::kSoftMinSnr, "soft_min_snr"},
    {LossWeighting::kTruncSnr, "trunc_snr"},
    {LossWeighting::kP2, "p2"},
});

template <>
inline constexpr auto kNames<TimestepSampler> = std::to_array<Named<TimestepSampler>>({
    {TimestepSampler::kAuto, "auto"},
    {TimestepSampler::kUniform, "uniform"},
    {TimestepSampler::kStratified, "stratified"},
    {TimestepSampler::kLossSecondMoment, "loss_second_moment"},
    {TimestepSampler::kLogitNormal, "logit_normal"},
    {TimestepSampler::kLogNormal, "log_normal"},
});

template <>
inline constexpr auto kNames<Coupling> = std::to_array<Named<Coupling>>({
    {Coupling::kIndependent, "independent"},
    {Coupling::kOptimalTransport, "ot"},
});

template <>
inline constexpr auto kNames<AugmentTransform> = std::to_array<Named<AugmentTransform>>({
    {AugmentTransform::kFlipX, "flip_x"},
    {AugmentTransform::kFlipY, "flip_y"},
    {AugmentTransform::kScale, "scale"},
    {AugmentTransform::kRotate, "rotate"},
    {AugmentTransform::kStretch, "stretch"},
    {AugmentTransform::kTranslate, "translate"},
});

template <>
inline constexpr auto kNames<SamplerType> = std::to_array<Named<SamplerType>>({
    {SamplerType::kDdim, "ddim"},
    {SamplerType::kDdpm, "ddpm"},
    {SamplerType::kEuler, "euler"},
    {SamplerType::kEulerAncestral, "euler-ancestral"},
    {SamplerType::kHeun, "heun"},
    {SamplerType::kDpmpp2m, "dpmpp-2m"},
    {SamplerType::kDpmpp3m, "dpmpp-3m"},
    {SamplerType::kDpmpp2mSde, "dpmpp-2m-sde"},
    {SamplerType::kDpmpp3mSde, "dpmpp-3m-sde"},
    {SamplerType::kUniPc, "unipc"},
    {SamplerType::kIpndm, "ipndm"},
    {SamplerType::kDeis, "deis"},
});

template <>
inline constexpr auto kNames<TimestepSpacing> = std::to_array<Named<TimestepSpacing>>({
    {TimestepSpacing::kAuto, "auto"},
    {TimestepSpacing::kLeading, "leading"},
    {TimestepSpacing::kTrailing, "trailing"},
    {TimestepSpacing::kLinspace, "linspace"},
    {TimestepSpacing::kUniform, "uniform"},
    {TimestepSpacing::kQuad, "quad"},
    {TimestepSpacing::kKarras, "karras"},
    {TimestepSpacing::kLogSnr, "logsnr"},
});

template <>
inline constexpr auto kNames<FinalSigma> = std::to_array<Named<FinalSigma>>({
    {FinalSigma::kZero, "zero"},
    {FinalSigma::kSigmaMin, "sigma_min"},
});

template <>
inline constexpr auto kNames<SolverType> = std::to_array<Named<SolverType>>({
    {SolverType::kAuto, "auto"},
    {SolverType::kMidpoint, "midpoint"},
    {SolverType::kHeun, "heun"},
    {SolverType::kBh1, "bh1"},
    {SolverType::kBh2, "bh2"},
    {SolverType::kLogRho, "logrho"},
    {SolverType::kRho, "rho"},
});

template <>
inline constexpr auto kNames<VarianceType> = std::to_array<Named<VarianceType>>({
    {VarianceType::kFixedSmall, "fixed_small"},
    {VarianceType::kFixedLarge, "fixed_large"},
    {VarianceType::kLearnedRange, "learned_range"},
});

template <>
inline constexpr auto kNames<GuidanceSchedule> = std::to_array<Named<GuidanceSchedule>>({
    {GuidanceSchedule::kConstant, "constant"},
    {GuidanceSchedule::kLinear, "linear"},
    {GuidanceSchedule::kCosine, "cosine"},
    {GuidanceSchedule::kClampLinear, "clamp-linear"},
});

template <typename E>
concept NamedEnum = !kNames<E>.empty();

/// The word for `value`: "squaredcos_cap_v2".
template <NamedEnum E>
constexpr std::string_view to_name(E value) {
  for (const auto& entry : kNames<E>)
    if (entry.value == value) return entry.name;
  return {};
}

/// The value that `name` stands for; nothing for an unknown word.
template <NamedEnum E>
constexpr std::optional<E> from_name(std::string_view name) {
  for (const auto& entry : kNames<E>)
    if (entry.name == name) return entry.value;
  return std::nullopt;
}

/// Every word of the enum, in the order of its table.
template <NamedEnum E>
std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  names.reserve(kNames<E>.size());
  for (const auto& entry : kNames<E>)
    names.push_back(entry.name);
  return names;
}

}  // namespace ddpm
