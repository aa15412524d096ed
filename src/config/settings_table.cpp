#include <array>

#include "ddpm/config/block_types.h"
#include "ddpm/config/dataset_traits.h"
#include "ddpm/config/settings.h"

namespace ddpm {
namespace {

constexpr auto kFixed = OnResume::kFixed;
constexpr auto kFree = OnResume::kFree;

// Upper ends are far beyond use; they keep products of settings inside 64 bits.
constexpr Range kSteps{.min = 1, .max = 1e12};
constexpr Range kEvery{.min = 0, .max = 1e12};
constexpr Range kPixels{.min = 1, .max = 16384};
constexpr Range kImageFilePixels{.min = 1, .max = 250e6};
constexpr Range kChannels{.min = 1, .max = 65536};
constexpr Range kBatch{.min = 1, .max = 1 << 20};
constexpr Range kFraction{.min = 0, .max = 1};
constexpr Range kInside{.min = 0, .max = 1, .above_min = true, .below_max = true};
constexpr Range kBeta{.min = 0, .max = 1, .above_min = true};
constexpr Range kDecay{.min = 0, .max = 1, .below_max = true};
constexpr Range kPositive{.min = 0, .above_min = true};
constexpr Range kNotNegative{.min = 0};
constexpr Range kTimesteps{.min = 1, .max = 1e6};
constexpr Range kUpToMillion{.min = 0, .max = 1e6};
constexpr Range kAtLeastOne{.min = 1};
constexpr Range kOrder{.min = 0, .max = 4};
constexpr Range kPadding{.min = 0, .max = 1};
constexpr Range kThreads{.min = 1, .max = 256};
constexpr Range kLayers{.min = 1, .max = 64};
constexpr Range kEvalImages{.min = 2, .max = 1e6};
constexpr Range kImages{.min = 1, .max = 4096};
constexpr Range kAny{};
constexpr std::span<const std::string_view> kNoChoices{};

// Settings with these are refused elsewhere.
constexpr Applies kDiscrete{.process = ProcessType::kDiscrete};
constexpr Applies kFlow{.process = ProcessType::kFlow};
constexpr Applies kDenoiser{.task = Task::kDenoiser};
constexpr Applies kDiscreteDenoiser{.process = ProcessType::kDiscrete, .task = Task::kDenoiser};
constexpr Applies kEta{.sampler = kTakesEta};
constexpr Applies kChurn{.sampler = kTakesChurn};

// Settings with these are not read elsewhere.
constexpr Applies kOfDiscrete{.process = ProcessType::kDiscrete, .elsewhere = Elsewhere::kUnread};
constexpr Applies kOfEdm{.process = ProcessType::kEdm, .elsewhere = Elsewhere::kUnread};
constexpr Applies kOfClassifier{.task = Task::kClassifier, .elsewhere = Elsewhere::kUnread};
constexpr Applies kOfChurn{.sampler = kTakesChurn, .elsewhere = Elsewhere::kUnread};
constexpr Applies kOfDdpm{.sampler = kTakesVarianceType, .elsewhere = Elsewhere::kUnread};

constexpr auto kSplits = std::to_array<std::string_view>({"train", "val", "test"});
constexpr auto kColours = std::to_array<std::string_view>({"0", "1", "3"});
constexpr auto kTransforms = std::to_array<std::string_view>(
    {to_name(AugmentTransform::kFlipX), to_name(AugmentTransform::kFlipY),
     to_name(AugmentTransform::kScale), to_name(AugmentTransform::kRotate),
     to_name(AugmentTransform::kStretch), to_name(AugmentTransform::kTranslate)});

std::vector<Setting> data_settings(DataConfig& data) {
  return {
      {"data.name", &data.name, kFixed, "Dataset, or the format of your own.", kAny,
       dataset_names()},
      {"data.root", PathSlot{&data.root}, kFree,
       "File or folder of the dataset; empty for the usual places of a named one."},
      {"data.split", &data.split, kFixed, "Part of the dataset.", kAny, kSplits},
      {"data.labels", &data.labels, kFixed,
       "Classes of image files: folders, or the name before _; auto: a list there, else folders."},
      {"data.held_out", &data.held_out, kFree,
       "Part that models are measured on; auto: val in training and test in eval, if both exist."},
      {"data.image_size", ImageSizeSlot{&data.image_size}, kFixed,
       "Side of the images in pixels, or [height, width]; null for the size as stored.", kPixels},
      {"data.channels", &data.channels, kFixed,
       "Colour channels, 1 for grey and 3 for RGB; 0 for those stored.", kAny, kColours},
      {"data.flip", &data.flip, kFree, "Mirror half of the training images at random."},
      {"data.skip_bad", &data.skip_bad, kFixed,
       "Count and skip files that cannot be decoded instead of stopping."},
      {"data.memory_limit_gb", &data.memory_limit_gb, kFixed,
       "Decoded images larger than this many GB together are read from disk as needed.",
       kNotNegative},
      {"data.max_image_pixels", &data.max_image_pixels, kFree,
       "Image files with more pixels than this, or 8 times as many bytes, are refused.",
       kImageFilePixels},
      {"data.workers", &data.workers, kFree, "Threads that decode images ahead of the training.",
       kThreads},
  };
}

std::vector<Setting> model_settings(ModelConfig& model) {
  return {
      {"model.block_out_channels", &model.block_out_channels, kFixed,
       "Channels of each level of the U-Net, from full resolution down.", kChannels},
      {"model.layers_per_block", &model.layers_per_block, kFixed,
       "Residual layers of each level on the way down.", kLayers},
      {"model.down_block_types", &model.down_block_types, kFixed,
       "Block of each level on the way down.", kAny, down_block_types()},
      {"model.up_block_types", &model.up_block_types, kFixed,
       "Block of each level on the way up, the lowest resolution first.", kAny, up_block_types()},
      {"model.attention_head_dim", &model.attention_head_dim, kFixed,
       "Channels of an attention head; null for one head as wide as the block.", kChannels},
      {"model.norm_num_groups", &model.norm_num_groups, kFixed, "Groups of group normalization.",
       kChannels},
      {"model.norm_eps", &model.norm_eps, kFixed, "Added to the variance in group normalization.",
       kPositive},
      {"model.dropout", &model.dropout, kFixed, "Dropout probability.", kFraction},
      {"model.resnet_time_scale_shift", &model.resnet_time_scale_shift, kFixed,
       "How residual layers take in the time: added, or as scale and shift."},
      {"model.downsample_padding", &model.downsample_padding, kFixed,
       "Padding of the convolutions that halve the resolution; 0 pads right and bottom only.",
       kPadding},
      {"model.downsample_type", &model.downsample_type, kFixed,
       "How attention blocks halve the resolution."},
      {"model.upsample_type", &model.upsample_type, kFixed,
       "How attention blocks double the resolution."},
      {"model.add_attention", &model.add_attention, kFixed, "Attention in the middle block."},
      {"model.mid_block_scale_factor", &model.mid_block_scale_factor, kFixed,
       "Outputs in the middle block are divided by this.", kPositive},
      {"model.center_input_sample", &model.center_input_sample, kFixed,
       "Map the input x to 2x - 1 first."},
      {"model.flip_sin_to_cos", &model.flip_sin_to_cos, kFixed,
       "Put the cosines before the sines in the time embedding."},
      {"model.freq_shift", &model.freq_shift, kFixed,
       "Subtracted from the number of frequencies of the time embedding.", kNotNegative},
      {"model.class_conditional", &model.class_conditional, kFixed,
       "Learn the classes of the images, so that they can be asked for."},
  };
}

std::vector<Setting> classifier_settings(ClassifierConfig& classifier) {
  return {
      {"classifier.pooling", &classifier.pooling, kFixed,
       "How the last feature map becomes one vector.", kAny, kNoChoices, kOfClassifier},
      {"classifier.feature_dim", &classifier.feature_dim, kFixed,
       "Numbers in the vector before the last layer, which are the features of an image.",
       kChannels, kNoChoices, kOfClassifier},
      {"classifier.clean_share", &classifier.clean_share, kFixed,
       "Share of training images that get no noise.", kFraction, kNoChoices, kOfClassifier},
  };
}

std::vector<Setting> diffusion_settings(DiffusionConfig& diffusion) {
  return {
      {"diffusion.process", &diffusion.process, kFixed,
       "Forward process: a chain of timesteps, EDM's continuous noise, or straight flow."},
      {"diffusion.num_train_timesteps", &diffusion.num_train_timesteps, kFixed,
       "Steps of the forward process.", kTimesteps},
      {"diffusion.beta_schedule", &diffusion.beta_schedule, kFixed,
       "How the noise grows over the timesteps.", kAny, kNoChoices, kOfDiscrete},
      {"diffusion.beta_start", &diffusion.beta_start, kFixed,
       "Variance added by the first timestep; squaredcos_cap_v2 and jsd have their own.", kInside,
       kNoChoices, kOfDiscrete},
      {"diffusion.beta_end", &diffusion.beta_end, kFixed,
       "Variance added by the last timestep; squaredcos_cap_v2 and jsd have their own.", kInside,
       kNoChoices, kOfDiscrete},
      {"diffusion.trained_betas", &diffusion.trained_betas, kFixed,
       "The variance added by each timestep, in place of beta_schedule.", kBeta, kNoChoices,
       kDiscrete},
      {"diffusion.rescale_betas_zero_snr", &diffusion.rescale_betas_zero_snr, kFixed,
       "Rescale the schedule so that the last timestep is pure noise.", kAny, kNoChoices,
       kDiscrete},
      {"diffusion.prediction_type", &diffusion.prediction_type, kFixed,
       "What the network predicts: the noise, the image, or the velocity.", kAny, kNoChoices,
       kDiscrete},
      {"diffusion.sigma_data", &diffusion.sigma_data, kFixed, "Standard deviation of the images.",
       kPositive, kNoChoices, kOfEdm},
      {"diffusion.sigma_min", &diffusion.sigma_min, kFixed, "Lowest noise level that is sampled.",
       kPositive, kNoChoices, kOfEdm},
      {"diffusion.sigma_max", &diffusion.sigma_max, kFixed, "Highest noise level that is sampled.",
       kPositive, kNoChoices, kOfEdm},
      {"diffusion.variance", &diffusion.variance, kFixed,
       "Variance of the reverse process; learned_range lets the network choose it.", kAny,
       kNoChoices, kDiscreteDenoiser},
  };
}

std::vector<Setting> objective_settings(TrainConfig& train) {
  return {
      {"train.task", &train.task, kFixed, "What is trained."},
      {"train.loss", &train.loss, kFree,
       "Error of the prediction, the variational bound, or hybrid for both.", kAny, kNoChoices,
       kDenoiser},
      {"train.vlb_weight", &train.vlb_weight, kFree,
       "Weight of the variational bound in the hybrid loss.", kNotNegative},
      {"train.loss_type", &train.loss_type, kFree,
       "Measure of the prediction's error: squared, absolute, or squared near zero only.", kAny,
       kNoChoices, kDenoiser},
      {"train.huber_c", &train.huber_c, kFree,
       "Error from which the huber loss grows like the absolute one.", kPositive},
      {"train.loss_weighting", &train.loss_weighting, kFree,
       "Weight of each noise level, the same whatever the network predicts.", kAny, kNoChoices,
       kDenoiser},
      {"train.snr_gamma", &train.snr_gamma, kFree,
       "Signal-to-noise ratio at which min_snr and soft_min_snr stop growing.", kPositive},
      {"train.p2_k", &train.p2_k, kFree, "The k of p2's 1 / (k + SNR)^gamma.", kPositive},
      {"train.p2_gamma", &train.p2_gamma, kFree, "The gamma of p2's 1 / (k + SNR)^gamma.",
       kNotNegative},
      {"train.noise_offset", &train.noise_offset, kFixed,
       "Size of noise that is the same in all pixels of a channel, added to the usual noise.",
       kNotNegative},
      {"train.timestep_sampler", &train.timestep_sampler, kFixed,
       "How noise levels are drawn; auto is log_normal for edm and uniform for the others."},
      {"train.logit_mean", &train.logit_mean, kFixed, "Mean of logit_normal before the sigmoid."},
      {"train.logit_std", &train.logit_std, kFixed,
       "Standard deviation of logit_normal before the sigmoid.", kPositive},
      {"train.p_mean", &train.p_mean, kFixed, "Mean of ln sigma of log_normal."},
      {"train.p_std", &train.p_std, kFixed, "Standard deviation of ln sigma of log_normal.",
       kPositive},
      {"train.coupling", &train.coupling, kFixed,
       "Pairs of noise and image: as drawn, or the nearest within a batch (optimal transport).",
       kAny, kNoChoices, kDenoiser},
      {"train.augment", &train.augment, kFixed,
       "Chance of each transform of a training image, which the network is told; 0 for none.",
       kFraction},
      {"train.augment_transforms", &train.augment_transforms, kFixed,
       "What train.augment does to images; flip_x to half of them at any chance.", kAny,
       kTransforms},
  };
}

std::vector<Setting> optimizer_settings(TrainConfig& train) {
  return {
      {"train.steps", &train.steps, kFree,
       "Optimizer steps of the run; null for as many as fit into train.max_minutes.", kSteps},
      {"train.max_minutes", &train.max_minutes, kFree,
       "Minutes after which a session stops, as --max-time; 0 for no limit.", kUpToMillion},
      {"train.batch_size", &train.batch_size, kFixed, "Images of an optimizer step.", kBatch},
      {"train.gradient_accumulation_steps", &train.gradient_accumulation_steps, kFixed,
       "Equal parts that a batch is split into to save memory.", kBatch},
      {"train.optimizer", &train.optimizer, kFixed,
       "Optimizer; muon takes orthogonal steps for matrices inside the network, adamw's for the "
       "rest."},
      {"train.lr", &train.lr, kFree, "Peak learning rate.", kPositive},
      {"train.warmup_steps", &train.warmup_steps, kFree,
       "Steps over which the learning rate rises to its peak.", kEvery},
      {"train.lr_schedule", &train.lr_schedule, kFree,
       "How the learning rate goes on after the warm-up."},
      {"train.adam_beta1", &train.adam_beta1, kFree, "Decay of the first moment.", kDecay},
      {"train.adam_beta2", &train.adam_beta2, kFree, "Decay of the second moment.", kDecay},
      {"train.adam_eps", &train.adam_eps, kFree, "Added to the root of the second moment.",
       kPositive},
      {"train.muon_momentum", &train.muon_momentum, kFree,
       "Momentum of the optimizer muon, for the matrices that it steps.", kDecay},
      {"train.weight_decay", &train.weight_decay, kFree, "Decay of the weights.", kNotNegative},
      {"train.max_grad_norm", &train.max_grad_norm, kFree,
       "Gradients are scaled down to this norm; 0 leaves them as they are.", kNotNegative},
      {"train.ema_decay", &train.ema_decay, kFree,
       "Decay of the averaged weights, which are the ones that sample.", kDecay},
      {"train.ema_warmup", &train.ema_warmup, kFree,
       "Let the decay of the averaged weights rise from 0 in the first steps."},
      {"train.label_dropout", &train.label_dropout, kFree,
       "Share of labels hidden in training, for guidance; class_conditional models only.",
       kFraction},
  };
}

std::vector<Setting> run_settings(TrainConfig& train) {
  return {
      {"train.precision", &train.precision, kFixed,
       "Number format of the network's arithmetic; auto takes the faster one."},
      {"train.gradient_checkpointing", &train.gradient_checkpointing, kFree,
       "What is computed again in the backward pass to save memory."},
      {"train.log_every", &train.log_every, kFree, "Steps between lines of metrics.jsonl.", kSteps},
      {"train.sample_every", &train.sample_every, kFree, "Steps between sample grids; 0 for none.",
       kEvery},
      {"train.save_every", &train.save_every, kFree,
       "Steps between checkpoints; 0 for none before the end.", kEvery},
      {"train.save_minutes", &train.save_minutes, kFree,
       "Minutes between checkpoints, besides those of save_every; 0 for none.", kUpToMillion},
      {"train.keep_last", &train.keep_last, kFree, "Newest checkpoints kept; 0 keeps all.",
       kUpToMillion},
      {"train.max_bad_steps", &train.max_bad_steps, kFree,
       "Steps in a row whose loss or gradient is not finite, each left out, before training ends.",
       kSteps},
      {"train.eval_every", &train.eval_every, kFree,
       "Steps between small evaluations, of which the best keeps its checkpoint; 0 for none.",
       kEvery, kNoChoices, kDenoiser},
      {"train.eval_images", &train.eval_images, kFree, "Images drawn for each of them.",
       kEvalImages},
      {"train.seed", &train.seed, kFixed, "Seed of all random numbers of the run.", kNotNegative},
  };
}

std::vector<Setting> sampler_settings(SampleConfig& sample) {
  return {
      {"sample.sampler", &sample.sampler, kFree, "Sampler."},
      {"sample.steps", &sample.steps, kFree, "Steps from noise to an image.", kTimesteps},
      {"sample.timestep_spacing", &sample.timestep_spacing, kFree,
       "Which noise levels the steps stand on; auto: trailing, for edm karras, for discrete heun "
       "logsnr."},
      {"sample.steps_offset", &sample.steps_offset, kFree,
       "Added to the timesteps of the spacing leading.", kUpToMillion},
      {"sample.flow_shift", &sample.flow_shift, kFree,
       "Moves steps towards noise (above 1) or the image.", kPositive, kNoChoices, kFlow},
      {"sample.final_sigmas_type", &sample.final_sigmas_type, kFree,
       "Where the last step ends: at the clean image, or at the lowest noise level."},
      {"sample.order", &sample.order, kFree,
       "Order of the samplers dpmpp-*, unipc, ipndm and deis; 0 for the usual one.", kOrder},
      {"sample.solver_type", &sample.solver_type, kFree,
       "Variant: midpoint, heun of dpmpp-*; bh1, bh2 of unipc; logrho, rho of deis."},
      {"sample.lower_order_final", &sample.lower_order_final, kFree,
       "Lower the order in the last steps, with dpmpp-* and deis only below 15 steps."},
      {"sample.eta", &sample.eta, kFree, "Noise that is added: 0 for none, 1 for as much as ddpm.",
       kFraction, kNoChoices, kEta},
      {"sample.s_churn", &sample.s_churn, kFree, "Noise added anew over all steps; 0 for none.",
       kNotNegative, kNoChoices, kChurn},
      {"sample.s_tmin", &sample.s_tmin, kFree, "Lowest noise level at which s_churn acts.",
       kNotNegative, kNoChoices, kOfChurn},
      {"sample.s_tmax", &sample.s_tmax, kFree, "Highest noise level at which s_churn acts.",
       kNotNegative, kNoChoices, kOfChurn},
      {"sample.s_noise", &sample.s_noise, kFree, "Scale of the noise that s_churn adds.", kPositive,
       kNoChoices, kOfChurn},
      {"sample.variance_type", &sample.variance_type, kFree, "Variance of the noise that is added.",
       kAny, kNoChoices, kOfDdpm},
  };
}

std::vector<Setting> prediction_settings(SampleConfig& sample) {
  return {
      {"sample.clip_sample", &sample.clip_sample, kFree, "Clip the predicted image in each step."},
      {"sample.clip_sample_range", &sample.clip_sample_range, kFree,
       "Largest absolute value that clip_sample leaves.", kPositive},
      {"sample.use_clipped_model_output", &sample.use_clipped_model_output, kFree,
       "Derive the noise again from the clipped image."},
      {"sample.thresholding", &sample.thresholding, kFree,
       "Clip at a quantile of the predicted image and scale to [-1, 1], instead of clip_sample."},
      {"sample.dynamic_thresholding_ratio", &sample.dynamic_thresholding_ratio, kFree,
       "Quantile of thresholding.", kFraction},
      {"sample.sample_max_value", &sample.sample_max_value, kFree,
       "Largest value that thresholding clips at.", kAtLeastOne},
      {"sample.guidance", &sample.guidance, kFree, "Scale of classifier-free guidance; 1 for none.",
       kNotNegative},
      {"sample.guidance_rescale", &sample.guidance_rescale, kFree,
       "Share by which guided predictions get back their unguided standard deviation.", kFraction},
      {"sample.guidance_interval", &sample.guidance_interval, kFree,
       "Noise levels [low, high], as sigma / alpha, between which to guide; [] for all.",
       kNotNegative},
      {"sample.guidance_schedule", &sample.guidance_schedule, kFree,
       "How guidance grows over the steps, with the same mean but for clamp-linear."},
      {"sample.guidance_clamp", &sample.guidance_clamp, kFree,
       "Lowest scale of the guidance schedule clamp-linear; 0 for half way from 1 to guidance.",
       kNotNegative},
      {"sample.negative_class", &sample.negative_class, kFree,
       "Class to guide away from; null for 'no class'.", kNotNegative},
      {"sample.grid_images", &sample.grid_images, kFree, "Images of the grids drawn in training.",
       kImages},
  };
}

}  // namespace

std::vector<Setting> settings(Config& config) {
  std::vector<Setting> table;
  for (auto&& rows : {data_settings(config.data), model_settings(config.model),
                      classifier_settings(config.classifier), diffusion_settings(config.diffusion),
                      objective_settings(config.train), optimizer_settings(config.train),
                      run_settings(config.train), sampler_settings(config.sample),
                      prediction_settings(config.sample)})
    table.insert(table.end(), rows.begin(), rows.end());
  return table;
}

}  // namespace ddpm
