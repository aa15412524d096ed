#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ddpm {

/// What tells the class of an image file: `kAuto` is a list beside the files, if there is one, else
/// its folder; `kPrefix` the name of the file up to its first `_`.
enum class DataLabels { kAuto, kFolder, kPrefix, kNone };

/// The split that a model is measured on: `kAuto` is `val` before `test` in training and `test`
/// before `val` in evaluations.
enum class HeldOut { kAuto, kVal, kTest };

/// Where training images come from and how they are shaped.
struct DataConfig {
  std::string name = "folder";  // a row of config/dataset_traits.h
  std::string root;             // empty: the usual places of the named dataset
  std::string split = "train";  // train, val or test
  DataLabels labels = DataLabels::kAuto;
  HeldOut held_out = HeldOut::kAuto;
  std::vector<int64_t> image_size;  // {side} or {height, width}; empty: as stored
  int64_t channels = 0;             // 0: as stored; else 1 or 3
  bool flip = false;
  bool skip_bad = false;
  double memory_limit_gb = 4.0;           // decoded images above this are streamed from disk
  int64_t max_image_pixels = 64'000'000;  // of an image file; see `ImageLimits`
  int64_t workers = 2;
};

enum class TimeScaleShift { kDefault, kScaleShift };
enum class Resampling { kConv, kResnet };

/// The U-Net, in the words of diffusers' `UNet2DModel`. The first part are settings; the second
/// comes with a checkpoint.
struct ModelConfig {
  std::vector<int64_t> block_out_channels = {128, 256, 256, 256};
  int64_t layers_per_block = 2;
  std::vector<std::string> down_block_types = {"DownBlock2D", "AttnDownBlock2D", "DownBlock2D",
                                               "DownBlock2D"};
  std::vector<std::string> up_block_types = {"UpBlock2D", "UpBlock2D", "AttnUpBlock2D",
                                             "UpBlock2D"};
  std::optional<int64_t> attention_head_dim;  // empty: one head as wide as the block
  int64_t norm_num_groups = 32;
  double norm_eps = 1e-6;
  double dropout = 0.0;
  TimeScaleShift resnet_time_scale_shift = TimeScaleShift::kDefault;
  int64_t downsample_padding = 0;
  Resampling downsample_type = Resampling::kConv;
  Resampling upsample_type = Resampling::kConv;
  bool add_attention = true;
  double mid_block_scale_factor = 1.0;
  bool center_input_sample = false;
  bool flip_sin_to_cos = false;
  double freq_shift = 1.0;
  bool class_conditional = false;

  // Not settings.
  std::string backbone = "unet";  // the network's row in the table of checkpoint/components.h
  std::optional<int64_t> attn_norm_num_groups;  // of the middle attention; empty: diffusers' rule
  std::optional<int64_t> time_embedding_dim;    // empty: four times the first block's channels
};

/// What a network takes and gives. None of it is a setting: it follows from the data, or a
/// checkpoint tells it.
struct Signature {
  int64_t data_channels = 3;                  // of the images x
  int64_t in_channels = 3;                    // of x and of the condition image behind it
  int64_t out_channels = 3;                   // twice those of x with a learned variance
  std::vector<int64_t> sample_size = {};      // {height, width}; empty: not told
  int64_t classes = 0;                        // that a person can ask for; 0: there are none
  std::optional<int64_t> null_label = {};     // means "no class"; the number of classes
  std::vector<std::string> class_names = {};  // empty: classes have numbers only
  int64_t augment_labels = 0;  // numbers that tell it in training how an image was augmented

  /// How many labels there are, that for "no class" included.
  int64_t labels() const { return classes + (null_label ? 1 : 0); }
};

/// Of a noise-conditioned classifier (`train.task: classifier`): the downward half of the U-Net of
/// the model section, then pooling and two linear layers.
enum class Pooling { kMean, kAttention };
struct ClassifierConfig {
  Pooling pooling = Pooling::kMean;
  int64_t feature_dim = 128;
  double clean_share = 0.5;
};

enum class ProcessType { kDiscrete, kEdm, kFlow };
enum class BetaSchedule { kLinear, kScaledLinear, kCosine, kSigmoid, kJsd };
enum class PredictionType { kEpsilon, kSample, kVPrediction };
/// Whether the network gives the variance of the reverse process beside its mean.
enum class Variance { kFixed, kLearnedRange };

/// The forward process, in the words of diffusers' schedulers.
struct DiffusionConfig {
  ProcessType process = ProcessType::kDiscrete;
  int64_t num_train_timesteps = 1000;
  BetaSchedule beta_schedule = BetaSchedule::kLinear;
  double beta_start = 1e-4;
  double beta_end = 0.02;
  std::vector<double> trained_betas;  // empty: as beta_schedule says
  bool rescale_betas_zero_snr = false;
  PredictionType prediction_type = PredictionType::kEpsilon;
  double sigma_data = 0.5;   // EDM: standard deviation of the data
  double sigma_min = 0.002;  // EDM: lowest and highest noise level of sampling
  double sigma_max = 80.0;
  Variance variance = Variance::kFixed;
};

enum class OptimizerType { kAdam, kAdamW, kMuon };
enum class LrSchedule { kConstant, kLinear, kCosine };
enum class Precision { kAuto, kFloat32, kBFloat16, kTf32 };
enum class GradientCheckpointing { kNone, kBlocks };
enum class Task { kDenoiser, kClassifier };
enum class DenoisingLoss { kSimple, kHybrid, kVlb };
enum class LossType { kL2, kL1, kHuber };
enum class LossWeighting { kNone, kSnr, kMinSnr, kSoftMinSnr, kTruncSnr, kP2 };
enum class TimestepSampler {
  kAuto,
  kUniform,
  kStratified,
  kLossSecondMoment,
  kLogitNormal,
  kLogNormal
};
enum class Coupling { kIndependent, kOptimalTransport };
/// What augmentation does to an image; see data/augment.h.
enum class AugmentTransform { kFlipX, kFlipY, kScale, kRotate, kStretch, kTranslate };

/// The run of the optimizer and what it leaves behind.
struct TrainConfig {
  Task task = Task::kDenoiser;
  DenoisingLoss loss = DenoisingLoss::kSimple;
  double vlb_weight = 0.001;
  LossType loss_type = LossType::kL2;
  double huber_c = 0.1;
  LossWeighting loss_weighting = LossWeighting::kNone;
  double snr_gamma = 5.0;
  double p2_k = 1.0;
  double p2_gamma = 1.0;
  double noise_offset = 0.0;
  TimestepSampler timestep_sampler = TimestepSampler::kAuto;
  double logit_mean = 0.0;
  double logit_std = 1.0;
  double p_mean = -1.2;
  double p_std = 1.2;
  Coupling coupling = Coupling::kIndependent;
  double augment = 0.0;  // the chance of each transform; 0: images are as they are
  std::vector<std::string> augment_transforms = {"flip_x", "flip_y",  "scale",
                                                 "rotate", "stretch", "translate"};
  std::optional<int64_t> steps;  // empty: as many as fit into `max_minutes`
  double max_minutes = 0.0;      // 0: no limit
  int64_t batch_size = 128;
  int64_t gradient_accumulation_steps = 1;
  OptimizerType optimizer = OptimizerType::kAdamW;
  double lr = 2e-4;
  int64_t warmup_steps = 500;
  LrSchedule lr_schedule = LrSchedule::kConstant;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_eps = 1e-8;
  double muon_momentum = 0.95;
  double weight_decay = 0.0;
  double max_grad_norm = 1.0;
  double ema_decay = 0.9999;
  bool ema_warmup = true;
  double label_dropout = 0.1;
  Precision precision = Precision::kAuto;
  GradientCheckpointing gradient_checkpointing = GradientCheckpointing::kNone;
  int64_t log_every = 50;
  int64_t sample_every = 1000;
  int64_t save_every = 1000;
  double save_minutes = 0.0;
  int64_t keep_last = 2;
  int64_t max_bad_steps = 20;
  int64_t eval_every = 0;
  int64_t eval_images = 1000;
  int64_t seed = 0;
};

enum class SamplerType {
  kDdim,
  kDdpm,
  kEuler,
  kEulerAncestral,
  kHeun,
  kDpmpp2m,
  kDpmpp3m,
  kDpmpp2mSde,
  kDpmpp3mSde,
  kUniPc,
  kIpndm,
  kDeis
};
enum class TimestepSpacing {
  kAuto,
  kLeading,
  kTrailing,
  kLinspace,
  kUniform,
  kQuad,
  kKarras,
  kLogSnr
};
enum class FinalSigma { kZero, kSigmaMin };
enum class SolverType { kAuto, kMidpoint, kHeun, kBh1, kBh2, kLogRho, kRho };
enum class VarianceType { kFixedSmall, kFixedLarge, kLearnedRange };
enum class GuidanceSchedule { kConstant, kLinear, kCosine, kClampLinear };

/// How images are drawn, in training and by default from the checkpoint.
struct SampleConfig {
  SamplerType sampler = SamplerType::kDdim;
  int64_t steps = 50;
  TimestepSpacing timestep_spacing = TimestepSpacing::kAuto;
  int64_t steps_offset = 0;
  double flow_shift = 1.0;
  FinalSigma final_sigmas_type = FinalSigma::kZero;
  int64_t order = 0;  // of multistep solvers; 0: the solver's usual one
  SolverType solver_type = SolverType::kAuto;
  bool lower_order_final = true;
  double eta = 0.0;
  double s_churn = 0.0;
  double s_tmin = 0.0;
  double s_tmax = 1e9;
  double s_noise = 1.0;
  VarianceType variance_type = VarianceType::kFixedLarge;
  bool clip_sample = true;
  double clip_sample_range = 1.0;
  bool use_clipped_model_output = true;
  bool thresholding = false;
  double dynamic_thresholding_ratio = 0.995;
  double sample_max_value = 1.0;
  double guidance = 1.0;
  double guidance_rescale = 0.0;
  std::vector<double> guidance_interval;  // {low, high} in sigma / alpha; empty: everywhere
  GuidanceSchedule guidance_schedule = GuidanceSchedule::kConstant;
  double guidance_clamp = 0.0;  // of clamp-linear; 0: half way from 1 to guidance
  std::optional<int64_t> negative_class;
  int64_t grid_images = 64;

  // Not a setting: the timesteps between whose first and last the spacings karras and logsnr lie;
  // comes with files of diffusers' Euler and Heun. Auto: between the ends of the process.
  TimestepSpacing grid_ends = TimestepSpacing::kAuto;
};

/// Every setting of a run; each member but the last is one section of the YAML file.
struct Config {
  DataConfig data;
  ModelConfig model;
  ClassifierConfig classifier;
  DiffusionConfig diffusion;
  TrainConfig train;
  SampleConfig sample;

  Signature signature;  // not settings: of the network, once the data is known
};

}  // namespace ddpm
