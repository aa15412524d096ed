#include "ddpm/config/synonyms.h"

#include <algorithm>
#include <cctype>

namespace ddpm {
namespace {

constexpr std::string_view kOptimizerSteps =
    "it counts optimizer steps; an epoch is the number of images divided by train.batch_size";

constexpr Synonym kSynonyms[] = {
    {"learning_rate", "train.lr"},
    {"base_learning_rate", "train.lr"},
    {"max_lr", "train.lr"},
    {"base_lr", "train.lr"},
    {"train_lr", "train.lr"},
    {"lr_scheduler", "train.lr_schedule"},
    {"lr_scheduler_type", "train.lr_schedule"},
    {"scheduler_type", "train.lr_schedule"},
    {"warmup", "train.warmup_steps"},
    {"lr_warmup_steps", "train.warmup_steps"},
    {"num_warmup_steps", "train.warmup_steps"},
    {"lr_warmup", "train.warmup_steps"},
    {"batch", "train.batch_size"},
    {"bs", "train.batch_size"},
    {"train_batch_size", "train.batch_size"},
    {"per_device_train_batch_size", "train.batch_size"},
    {"global_batch_size", "train.batch_size"},
    {"microbatch", "train.gradient_accumulation_steps",
     "it is the number of parts of a batch, not their size"},
    {"accumulation", "train.gradient_accumulation_steps"},
    {"grad_accumulation", "train.gradient_accumulation_steps"},
    {"accumulate_grad_batches", "train.gradient_accumulation_steps"},
    {"gradient_accumulate_every", "train.gradient_accumulation_steps"},
    {"epochs", "train.steps", kOptimizerSteps},
    {"epoch", "train.steps", kOptimizerSteps},
    {"num_epochs", "train.steps", kOptimizerSteps},
    {"n_epochs", "train.steps", kOptimizerSteps},
    {"max_epochs", "train.steps", kOptimizerSteps},
    {"num_train_epochs", "train.steps", kOptimizerSteps},
    {"iterations", "train.steps"},
    {"num_iterations", "train.steps"},
    {"n_iter", "train.steps"},
    {"iters", "train.steps"},
    {"max_steps", "train.steps"},
    {"total_steps", "train.steps"},
    {"train_steps", "train.steps"},
    {"num_steps", "train.steps"},
    {"train_num_steps", "train.steps"},
    {"max_train_steps", "train.steps"},
    {"lr_anneal_steps", "train.steps"},
    {"ema", "train.ema_decay"},
    {"ema_rate", "train.ema_decay"},
    {"ema_max_decay", "train.ema_decay"},
    {"grad_clip", "train.max_grad_norm"},
    {"clip_grad", "train.max_grad_norm"},
    {"clip_grad_norm", "train.max_grad_norm"},
    {"gradient_clip_val", "train.max_grad_norm"},
    {"gradient_clipping", "train.max_grad_norm"},
    {"wd", "train.weight_decay"},
    {"beta1", "train.adam_beta1"},
    {"beta2", "train.adam_beta2"},
    {"eps", "train.adam_eps"},
    {"momentum", "train.muon_momentum"},
    {"optim", "train.optimizer"},
    {"mixed_precision", "train.precision"},
    {"dtype", "train.precision"},
    {"fp16", "train.precision"},
    {"use_fp16", "train.precision"},
    {"bf16", "train.precision"},
    {"amp", "train.precision"},
    {"activation_checkpointing", "train.gradient_checkpointing"},
    {"use_checkpoint", "train.gradient_checkpointing"},
    {"random_seed", "train.seed"},
    {"manual_seed", "train.seed"},
    {"save_interval", "train.save_every"},
    {"save_steps", "train.save_every"},
    {"checkpoint_every", "train.save_every"},
    {"checkpointing_steps", "train.save_every"},
    {"save_and_sample_every", "train.save_every"},
    {"save_model_epochs", "train.save_every", "it counts steps"},
    {"checkpoints_total_limit", "train.keep_last"},
    {"save_total_limit", "train.keep_last"},
    {"log_interval", "train.log_every"},
    {"logging_steps", "train.log_every"},
    {"sample_interval", "train.sample_every"},
    {"save_images_epochs", "train.sample_every", "it counts steps"},
    {"eval_interval", "train.eval_every"},
    {"max_time", "train.max_minutes"},
    {"time_limit", "train.max_minutes"},
    {"cfg_dropout", "train.label_dropout"},
    {"class_dropout_prob", "train.label_dropout"},
    {"cond_drop_prob", "train.label_dropout"},
    {"p_uncond", "train.label_dropout"},
    {"schedule_sampler", "train.timestep_sampler"},
    {"min_snr_gamma", "train.snr_gamma"},
    {"loss_weight", "train.loss_weighting"},
    {"min_snr_loss_weight", "train.loss_weighting"},
    {"offset_noise", "train.noise_offset"},
    {"augmentation", "train.augment"},
    {"augment_p", "train.augment"},
    {"timesteps", "diffusion.num_train_timesteps"},
    {"num_timesteps", "diffusion.num_train_timesteps"},
    {"n_timesteps", "diffusion.num_train_timesteps"},
    {"train_timesteps", "diffusion.num_train_timesteps"},
    {"diffusion_steps", "diffusion.num_train_timesteps"},
    {"noise_steps", "diffusion.num_train_timesteps"},
    {"ddpm_num_steps", "diffusion.num_train_timesteps"},
    {"num_diffusion_timesteps", "diffusion.num_train_timesteps"},
    {"noise_schedule", "diffusion.beta_schedule"},
    {"ddpm_beta_schedule", "diffusion.beta_schedule"},
    {"schedule", "diffusion.beta_schedule"},
    {"betas", "diffusion.trained_betas"},
    {"objective", "diffusion.prediction_type"},
    {"parameterization", "diffusion.prediction_type"},
    {"prediction", "diffusion.prediction_type"},
    {"predict_xstart", "diffusion.prediction_type"},
    {"zero_snr", "diffusion.rescale_betas_zero_snr"},
    {"zero_terminal_snr", "diffusion.rescale_betas_zero_snr"},
    {"learn_sigma", "diffusion.variance"},
    {"learned_variance", "diffusion.variance"},
    {"resolution", "data.image_size"},
    {"img_size", "data.image_size"},
    {"size", "data.image_size"},
    {"input_size", "data.image_size"},
    {"sample_size", "data.image_size"},
    {"image_channels", "data.channels"},
    {"img_channels", "data.channels"},
    {"in_channels", "data.channels"},
    {"random_flip", "data.flip"},
    {"horizontal_flip", "data.flip"},
    {"hflip", "data.flip"},
    {"augment_horizontal_flip", "data.flip"},
    {"dataset", "data.name"},
    {"dataset_name", "data.name"},
    {"data_dir", "data.root"},
    {"train_data_dir", "data.root"},
    {"data_path", "data.root"},
    {"dataset_path", "data.root"},
    {"path", "data.root"},
    {"folder", "data.root"},
    {"num_workers", "data.workers"},
    {"dataloader_num_workers", "data.workers"},
    {"dim_mults", "model.block_out_channels", "it lists the channels themselves"},
    {"channel_mult", "model.block_out_channels", "it lists the channels themselves"},
    {"channel_mults", "model.block_out_channels", "it lists the channels themselves"},
    {"model_channels", "model.block_out_channels", "it lists the channels of each level"},
    {"num_channels", "model.block_out_channels", "it lists the channels of each level"},
    {"base_channels", "model.block_out_channels", "it lists the channels of each level"},
    {"dim", "model.block_out_channels", "it lists the channels of each level"},
    {"ch", "model.block_out_channels", "it lists the channels of each level"},
    {"num_res_blocks", "model.layers_per_block"},
    {"n_res_blocks", "model.layers_per_block"},
    {"attention_resolutions", "model.down_block_types",
     "levels with attention are AttnDownBlock2D, on the way up AttnUpBlock2D"},
    {"attn_resolutions", "model.down_block_types",
     "levels with attention are AttnDownBlock2D, on the way up AttnUpBlock2D"},
    {"num_head_channels", "model.attention_head_dim"},
    {"num_heads", "model.attention_head_dim", "it is the channels of a head"},
    {"use_scale_shift_norm", "model.resnet_time_scale_shift"},
    {"groups", "model.norm_num_groups"},
    {"class_cond", "model.class_conditional"},
    {"conditional", "model.class_conditional"},
    {"class_conditioning", "model.class_conditional"},
    {"num_classes", "model.class_conditional", "how many classes there are, the data tell"},
    {"num_class_embeds", "model.class_conditional", "how many classes there are, the data tell"},
    {"num_inference_steps", "sample.steps"},
    {"inference_steps", "sample.steps"},
    {"sampling_steps", "sample.steps"},
    {"sampling_timesteps", "sample.steps"},
    {"sample_steps", "sample.steps"},
    {"timestep_respacing", "sample.steps"},
    {"ddim_steps", "sample.steps"},
    {"ddpm_num_inference_steps", "sample.steps"},
    {"guidance_scale", "sample.guidance"},
    {"cfg", "sample.guidance"},
    {"cfg_scale", "sample.guidance"},
    {"cond_scale", "sample.guidance"},
    {"classifier_free_guidance", "sample.guidance"},
    {"spacing", "sample.timestep_spacing"},
    {"ddim_eta", "sample.eta"},
    {"ddim_sampling_eta", "sample.eta"},
    {"churn", "sample.s_churn"},
    {"shift", "sample.flow_shift"},
    {"clip_denoised", "sample.clip_sample"},
    {"solver", "sample.sampler"},
    {"eval_batch_size", "sample.grid_images"},
    {"num_samples", "sample.grid_images"},
};

struct Section {
  std::string_view word;
  std::string_view section;
};

constexpr Section kSections[] = {
    {"training", "train"},      {"trainer", "train"},
    {"optimizer", "train"},     {"optim", "train"},
    {"optimization", "train"},  {"dataset", "data"},
    {"dataloader", "data"},     {"datasets", "data"},
    {"network", "model"},       {"unet", "model"},
    {"net", "model"},           {"architecture", "model"},
    {"noise", "diffusion"},     {"schedule", "diffusion"},
    {"scheduler", "diffusion"}, {"noise_scheduler", "diffusion"},
    {"process", "diffusion"},   {"sampling", "sample"},
    {"sampler", "sample"},      {"inference", "sample"},
    {"generation", "sample"},
};

struct Value {
  std::string_view key;
  std::string_view word;
  std::string_view here;
};

constexpr Value kValues[] = {
    {"diffusion.beta_schedule", "cosine", "squaredcos_cap_v2"},
    {"diffusion.beta_schedule", "squaredcos", "squaredcos_cap_v2"},
    {"diffusion.beta_schedule", "quad", "scaled_linear"},
    {"diffusion.prediction_type", "eps", "epsilon"},
    {"diffusion.prediction_type", "noise", "epsilon"},
    {"diffusion.prediction_type", "pred_noise", "epsilon"},
    {"diffusion.prediction_type", "x0", "sample"},
    {"diffusion.prediction_type", "x_start", "sample"},
    {"diffusion.prediction_type", "pred_x0", "sample"},
    {"diffusion.prediction_type", "v", "v_prediction"},
    {"diffusion.prediction_type", "pred_v", "v_prediction"},
    {"diffusion.prediction_type", "velocity", "v_prediction"},
    {"diffusion.process", "ddpm", "discrete"},
    {"diffusion.process", "flow_matching", "flow"},
    {"diffusion.process", "rectified_flow", "flow"},
    {"train.precision", "fp32", "float32"},
    {"train.precision", "32", "float32"},
    {"train.precision", "full", "float32"},
    {"train.precision", "bfloat16", "bf16"},
    {"train.loss_type", "mse", "l2"},
    {"train.loss_type", "mae", "l1"},
    {"train.lr_schedule", "cosine_with_warmup", "cosine"},
    {"train.lr_schedule", "constant_with_warmup", "constant"},
    {"train.lr_schedule", "none", "constant"},
    {"train.loss_weighting", "min_snr_gamma", "min_snr"},
    {"train.timestep_sampler", "lognormal", "log_normal"},
    {"train.timestep_sampler", "logitnormal", "logit_normal"},
    {"train.coupling", "optimal_transport", "ot"},
    {"sample.sampler", "euler_a", "euler-ancestral"},
    {"sample.sampler", "dpm++_2m", "dpmpp-2m"},
    {"sample.sampler", "dpmsolver++", "dpmpp-2m"},
    {"sample.sampler", "dpm_solver++", "dpmpp-2m"},
    {"sample.sampler", "dpm++_2m_sde", "dpmpp-2m-sde"},
    {"sample.sampler", "dpm++_3m_sde", "dpmpp-3m-sde"},
    {"sample.sampler", "ancestral", "ddpm"},
};

struct Field {
  std::string_view word;
  std::string_view field;
};

constexpr Field kFields[] = {
    {"num_samples", "num_images"},
    {"n_samples", "num_images"},
    {"count", "num_images"},
    {"output", "out"},
    {"output_dir", "out"},
    {"output_path", "out"},
    {"model", "checkpoint"},
    {"model_path", "checkpoint"},
    {"ckpt", "checkpoint"},
    {"pretrained", "checkpoint"},
    {"batch", "batch_size"},
    {"bs", "batch_size"},
    {"label", "class"},
    {"classes", "class"},
    {"class_label", "class"},
    {"image_size", "size"},
    {"resolution", "size"},
    {"verbose", "quiet"},
    {"silent", "quiet"},
    {"random_seed", "seed"},
    {"real", "reference"},
    {"ref", "reference"},
    {"output_folder", "run"},
    {"run_dir", "run"},
    {"outdir", "run"},
    {"gpu", "device"},
    {"num_threads", "threads"},
    {"max_minutes", "max_time"},
    {"time", "max_time"},
};

/// In small letters, with `_` for `-` and blanks.
std::string plain(std::string_view word) {
  std::string text(word);
  for (auto& c : text)
    c = c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

const Synonym* find_synonym(std::string_view word) {
  const auto name = plain(word.substr(word.find('.') + 1));
  const auto* const row = std::ranges::find(kSynonyms, name, &Synonym::word);
  return row == std::end(kSynonyms) ? nullptr : row;
}

std::string_view field_synonym(std::string_view word) {
  const auto* const row = std::ranges::find(kFields, plain(word), &Field::word);
  return row == std::end(kFields) ? std::string_view() : row->field;
}

std::string_view section_synonym(std::string_view word) {
  const auto* const row = std::ranges::find(kSections, plain(word), &Section::word);
  return row == std::end(kSections) ? std::string_view() : row->section;
}

std::string value_synonym(std::string_view key, const std::string& word) {
  const auto name = plain(word);
  for (const auto& row : kValues)
    if (row.key == key && row.word == name) return std::string(row.here);
  return word;
}

std::string describe(const Synonym& synonym) {
  return "it is called " + std::string(synonym.key) + " here" +
         (synonym.note.empty() ? "" : ": " + std::string(synonym.note));
}

}  // namespace ddpm
