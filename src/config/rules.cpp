#include "ddpm/config/rules.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ddpm/config/applies.h"
#include "ddpm/config/block_types.h"
#include "ddpm/config/names.h"
#include "ddpm/config/process_traits.h"
#include "ddpm/config/sampler_traits.h"
#include "ddpm/config/setting_value.h"
#include "ddpm/config/settings.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// The multiples of `step` around `value`, or `value` alone if it is one.
std::vector<int64_t> nearest_multiples(int64_t value, int64_t step) {
  const int64_t below = value - value % step;
  if (below == value) return {value};
  if (below == 0) return {step};
  return {below, below + step};
}

std::string either(const std::vector<std::string>& words) {
  return join(words, " or ");
}

std::string either(const std::vector<int64_t>& numbers) {
  std::vector<std::string> words;
  words.reserve(numbers.size());
  for (const int64_t number : numbers)
    words.push_back(std::to_string(number));
  return either(words);
}

std::string size_text(int64_t height, int64_t width) {
  return std::to_string(height) + "x" + std::to_string(width);
}

void check_block_count(const char* key, size_t blocks, size_t levels) {
  if (blocks == levels) return;
  throw UserError(key, " must have one entry for each of the ", levels,
                  " in model.block_out_channels, got ", blocks);
}

void check_groups(const ModelConfig& model) {
  for (const int64_t channels : model.block_out_channels) {
    if (channels % model.norm_num_groups == 0) continue;
    throw UserError("model.block_out_channels must be multiples of model.norm_num_groups ",
                    model.norm_num_groups, ", got ", channels,
                    "; nearest: ", either(nearest_multiples(channels, model.norm_num_groups)));
  }
}

/// Channels of every block that attends.
std::vector<int64_t> attention_channels(const ModelConfig& model) {
  const auto& channels = model.block_out_channels;
  const size_t levels = channels.size();
  std::vector<int64_t> found;
  for (size_t i = 0; i < levels; ++i) {
    if (block_type(model.down_block_types[i]).attends) found.push_back(channels[i]);
    if (block_type(model.up_block_types[i]).attends) found.push_back(channels[levels - 1 - i]);
  }
  if (model.add_attention) found.push_back(channels.back());
  return found;
}

/// diffusers rounds the number of heads down; settings of ours must not need that.
void check_attention_heads(const ModelConfig& model, bool must_divide) {
  if (!model.attention_head_dim) return;
  const int64_t head_dim = *model.attention_head_dim;
  for (const int64_t channels : attention_channels(model)) {
    const bool fits = must_divide ? channels % head_dim == 0 : head_dim <= channels;
    if (fits) continue;
    throw UserError("model.attention_head_dim must divide the ", channels,
                    " channels of a block with attention, got ", head_dim);
  }
}

void check_time_embedding(const ModelConfig& model) {
  const int64_t frequencies = model.block_out_channels.front() / 2;
  if (model.freq_shift < static_cast<double>(frequencies)) return;
  throw UserError("model.freq_shift must be below half of the first of model.block_out_channels, ",
                  frequencies, ", got ", format_number(model.freq_shift));
}

void check_betas(const DiffusionConfig& diffusion) {
  const auto& betas = diffusion.trained_betas;
  if (betas.empty()) {
    const bool inside = diffusion.beta_start > 0 && diffusion.beta_end < 1;
    if (inside && diffusion.beta_start < diffusion.beta_end) return;
    throw UserError("diffusion.beta_start must be below diffusion.beta_end ",
                    format_number(diffusion.beta_end), ", got ",
                    format_number(diffusion.beta_start));
  }
  if (std::cmp_not_equal(betas.size(), diffusion.num_train_timesteps)) {
    throw UserError("diffusion.trained_betas must have diffusion.num_train_timesteps ",
                    diffusion.num_train_timesteps, " entries, got ", betas.size());
  }
  if (std::ranges::any_of(betas, [](double beta) { return !(beta > 0 && beta <= 1); }))
    throw UserError("diffusion.trained_betas must be above 0 and at most 1");
  const auto certain = std::ranges::find(betas.begin(), betas.end() - 1, 1.0);
  if (certain != betas.end() - 1)
    throw UserError("diffusion.trained_betas must be below 1 before the last, got 1 at number ",
                    certain - betas.begin());
}

/// Rescaling moves the last timestep to pure noise and leaves the first where it is.
void check_rescaling(const DiffusionConfig& diffusion) {
  if (!diffusion.rescale_betas_zero_snr || diffusion.num_train_timesteps > 1) return;
  throw UserError("diffusion.rescale_betas_zero_snr needs at least 2 timesteps, got ",
                  "diffusion.num_train_timesteps ", diffusion.num_train_timesteps);
}

/// Whether the last timestep is noise alone.
bool ends_without_signal(const DiffusionConfig& diffusion) {
  const auto& betas = diffusion.trained_betas;
  if (diffusion.rescale_betas_zero_snr) return true;
  return betas.empty() ? diffusion.beta_schedule == BetaSchedule::kJsd : betas.back() == 1.0;
}

void check_prediction(const DiffusionConfig& diffusion) {
  if (diffusion.prediction_type != PredictionType::kEpsilon) return;
  if (!ends_without_signal(diffusion)) return;
  throw UserError(
      "diffusion.prediction_type must be v_prediction or sample for a schedule that ends in pure "
      "noise (jsd, rescale_betas_zero_snr): there the noise says nothing of the image");
}

/// Of the processes without betas.
void check_sigmas(const DiffusionConfig& diffusion) {
  if (diffusion.sigma_min < diffusion.sigma_max) return;
  throw UserError("diffusion.sigma_min must be below diffusion.sigma_max ",
                  format_number(diffusion.sigma_max), ", got ", format_number(diffusion.sigma_min));
}

void check_train(const TrainConfig& train) {
  if (train.batch_size % train.gradient_accumulation_steps != 0) {
    throw UserError("train.batch_size must be a multiple of train.gradient_accumulation_steps ",
                    train.gradient_accumulation_steps, ", got ", train.batch_size, "; nearest: ",
                    either(nearest_multiples(train.batch_size, train.gradient_accumulation_steps)));
  }
  if (train.steps && train.warmup_steps >= *train.steps)
    throw UserError("train.warmup_steps must be below train.steps ", *train.steps, ", got ",
                    train.warmup_steps);
}

/// What a solver lets choose.
void check_solver(const SampleConfig& sample) {
  const auto& traits = traits_of(sample.sampler);
  const auto sampler = to_name(sample.sampler);
  if (sample.order > traits.largest_order)
    throw UserError("sample.order must be at most ", traits.largest_order, " for the sampler ",
                    sampler, ", got ", sample.order);
  if (!traits.takes_solver_type(sample.solver_type))
    throw UserError("sample.solver_type ", to_name(sample.solver_type), " is none of the sampler ",
                    sampler, "; expected auto");
}

void check_guidance_interval(const std::vector<double>& interval) {
  if (interval.empty() || (interval.size() == 2 && interval[0] < interval[1])) return;
  throw UserError("sample.guidance_interval must be [low, high] with low below high, or []");
}

void check_sample_steps(const SampleConfig& sample, int64_t num_train_timesteps) {
  if (sample.steps > num_train_timesteps)
    throw UserError("sample.steps must be at most diffusion.num_train_timesteps ",
                    num_train_timesteps, ", got ", sample.steps);
  const bool in_parts = sample.timestep_spacing == TimestepSpacing::kLeading ||
                        sample.timestep_spacing == TimestepSpacing::kLinspace;
  const bool multistep = traits_of(sample.sampler).has(kMultistepSpacing);
  if (multistep && in_parts && sample.steps == num_train_timesteps)
    throw UserError("sample.steps must be below diffusion.num_train_timesteps ",
                    num_train_timesteps, " for the spacing ", to_name(sample.timestep_spacing),
                    " of the sampler ", to_name(sample.sampler));
  if (sample.timestep_spacing != TimestepSpacing::kLeading) return;
  const int64_t first = multistep ? sample.steps * (num_train_timesteps / (sample.steps + 1))
                                  : (sample.steps - 1) * (num_train_timesteps / sample.steps);
  const int64_t largest = num_train_timesteps - 1 - first;
  if (sample.steps_offset > largest)
    throw UserError("sample.steps_offset must be at most ", largest, " for ", sample.steps,
                    " steps, got ", sample.steps_offset);
}

std::string spacing_words(const ProcessTraits& process) {
  std::vector<std::string> words;
  for (const auto spacing : process.spacings)
    words.emplace_back(to_name(spacing));
  return either(words);
}

/// What of the sample section makes no sense on a process without timesteps.
void check_sample_process(const SampleConfig& sample, const ProcessTraits& process) {
  const auto name = to_name(process.type);
  if (!process.has_spacing(sample.timestep_spacing))
    throw UserError("sample.timestep_spacing ", to_name(sample.timestep_spacing),
                    " counts timesteps, and the process ", name, " has none; expected ",
                    spacing_words(process));
  const bool takes_variance = traits_of(sample.sampler).has(kTakesVarianceType);
  if (takes_variance && sample.variance_type != VarianceType::kFixedSmall)
    throw UserError("sample.variance_type ", to_name(sample.variance_type), " of the sampler ",
                    to_name(sample.sampler), " belongs to a chain of timesteps, and the process ",
                    name, " has none; expected fixed_small, or another sampler");
  if (!process.takes_churn && sample.s_churn != 0.0)
    throw UserError("sample.s_churn raises noise levels, and those of the process ", name,
                    " end at pure noise; expected 0, or the sampler euler-ancestral");
}

/// Sets every value of a section anew, which checks it against its row of the table.
void check_ranges(Config config, const std::string& section) {
  Config copy;
  const auto rows = settings(config);
  const auto targets = settings(copy);
  for (size_t i = 0; i < rows.size(); ++i)
    if (rows[i].key.starts_with(section + "."))
      assign(targets[i], raw_value(targets[i].slot, format_value(rows[i])), section);
}

}  // namespace

void check_diffusion(const DiffusionConfig& diffusion) {
  Config config;
  config.diffusion = diffusion;
  config.diffusion.trained_betas.clear();  // below
  check_ranges(config, "diffusion");
  config.diffusion = diffusion;
  check_applies(config, "diffusion");
  if (!traits_of(diffusion.process).has_timesteps) return check_sigmas(diffusion);
  check_betas(diffusion);
  check_rescaling(diffusion);
  check_prediction(diffusion);
}

void check_model(const ModelConfig& model) {
  const size_t levels = model.block_out_channels.size();
  check_block_count("model.down_block_types", model.down_block_types.size(), levels);
  check_block_count("model.up_block_types", model.up_block_types.size(), levels);
  Config config;
  config.model = model;
  check_ranges(std::move(config), "model");
  check_groups(model);
  check_attention_heads(model, /*must_divide=*/false);
  check_time_embedding(model);
}

void check_sample_ranges(const SampleConfig& sample) {
  Config config;
  config.sample = sample;
  check_ranges(std::move(config), "sample");
}

void check_sample(const SampleConfig& sample, const DiffusionConfig& diffusion) {
  Config config;
  config.diffusion = diffusion;
  config.sample = sample;
  check_applies(config, "sample");
  check_solver(sample);
  check_guidance_interval(sample.guidance_interval);
  if (sample.guidance_clamp != 0.0 && sample.guidance_schedule != GuidanceSchedule::kClampLinear)
    throw UserError("sample.guidance_clamp belongs to the guidance schedule clamp-linear, ",
                    "expected 0, got ", format_number(sample.guidance_clamp));
  const auto& process = traits_of(diffusion.process);
  if (process.has_timesteps) return check_sample_steps(sample, diffusion.num_train_timesteps);
  check_sample_process(sample, process);
}

void check_rules(const Config& config) {
  check_model(config.model);
  check_attention_heads(config.model, /*must_divide=*/true);
  check_diffusion(config.diffusion);
  check_objective(config);
  check_train(config.train);
  check_sample(config.sample, config.diffusion);
  if (config.train.task == Task::kClassifier) check_classifier(config.model, config.classifier);
  const auto& size = config.data.image_size;
  if (!size.empty()) check_image_size(config, size.front(), size.back());
}

void check_classifier(const ModelConfig& model, const ClassifierConfig& classifier) {
  const int64_t last = model.block_out_channels.back();
  if (classifier.pooling != Pooling::kAttention || model.attention_head_dim.value_or(last) <= last)
    return;
  throw UserError("model.attention_head_dim must be at most the ", last,
                  " channels that classifier.pooling attention looks at, got ",
                  *model.attention_head_dim);
}

void check_image_size(const ModelConfig& model, int64_t height, int64_t width) {
  const size_t levels = model.block_out_channels.size();
  const int64_t factor = int64_t{1} << (levels - 1);
  if (height < 1 || width < 1) {
    throw UserError("images must have sides of at least 1, got ", size_text(height, width));
  }
  if (height % factor == 0 && width % factor == 0) return;
  const auto heights = nearest_multiples(height, factor);
  const auto widths = nearest_multiples(width, factor);
  std::vector<std::string> sizes = {size_text(heights.front(), widths.front())};
  const auto larger = size_text(heights.back(), widths.back());
  if (larger != sizes.front()) sizes.push_back(larger);
  throw UserError("data.image_size ", size_text(height, width), " does not fit the U-Net's ",
                  levels, " levels: sides must be multiples of ", factor,
                  "; nearest: ", height == width ? either(heights) : either(sizes));
}

void check_classifier_size(const ModelConfig& model, int64_t height, int64_t width) {
  const size_t levels = model.block_out_channels.size();
  const int64_t least = int64_t{1} << (levels - 1);
  if (std::min(height, width) >= least) return;
  throw UserError("data.image_size ", size_text(height, width),
                  " is too small for the classifier's ", levels, " levels: sides must be at least ",
                  least);
}

void check_image_size(const Config& config, int64_t height, int64_t width) {
  if (config.train.task == Task::kClassifier)
    return check_classifier_size(config.model, height, width);
  check_image_size(config.model, height, width);
}

}  // namespace ddpm
