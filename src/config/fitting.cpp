#include "ddpm/config/fitting.h"

#include <algorithm>
#include <numeric>

#include "ddpm/config/process_traits.h"
#include "ddpm/config/sampler_traits.h"
#include "ddpm/config/settings.h"

namespace ddpm {
namespace {

/// The usual part of a run that warms up.
constexpr int64_t kWarmupPart = 10;

std::string value_of(Config& config, std::string_view key) {
  return format_value(find_setting(config, key, "settings"));
}

/// The most steps that the sampler can take on the chain of timesteps.
int64_t most_steps(const SampleConfig& sample, int64_t timesteps) {
  const bool in_parts = sample.timestep_spacing == TimestepSpacing::kLeading ||
                        sample.timestep_spacing == TimestepSpacing::kLinspace;
  const bool one_less = in_parts && traits_of(sample.sampler).has(kMultistepSpacing);
  return std::max<int64_t>(1, one_less ? timesteps - 1 : timesteps);
}

/// Attention on the second level, as in the defaults.
std::vector<std::string> usual_blocks(size_t levels, const std::string& direction) {
  std::vector<std::string> blocks(levels, direction + "Block2D");
  if (levels > 1) blocks[1] = "Attn" + direction + "Block2D";
  if (direction == "Up") std::ranges::reverse(blocks);
  return blocks;
}

/// Fits settings one after another and keeps a line for each.
class Fitting {
 public:
  Fitting(Config& config, const Choices& choices) : config_(config), choices_(choices) {}

  std::vector<std::string> run() {
    fit_warmup();
    fit_batch();
    fit_blocks();
    fit_groups();
    fit_variance();
    fit_guidance();
    fit_steps();
    return std::move(lines_);
  }

 private:
  template <typename Change>
  void change(std::string_view key, std::string_view limit, const Change& apply) {
    const auto before = value_of(config_, key);
    apply();
    lines_.push_back(std::string(key) + " is " + value_of(config_, key) + ", not " + before +
                     ", to fit " + std::string(limit) + " " + value_of(config_, limit));
  }

  bool is_default(std::string_view key) const { return choices_.of(key) == ChosenBy::kNobody; }

  void fit_warmup() {
    auto& train = config_.train;
    if (!train.steps || train.warmup_steps < *train.steps) return;
    if (!choices_.yields("train.warmup_steps", "train.steps")) return;
    change("train.warmup_steps", "train.steps",
           [&] { train.warmup_steps = *train.steps / kWarmupPart; });
  }

  void fit_batch() {
    auto& train = config_.train;
    const int64_t parts = train.gradient_accumulation_steps;
    if (train.batch_size % parts == 0) return;
    if (!is_default("train.batch_size")) return;
    change("train.batch_size", "train.gradient_accumulation_steps",
           [&] { train.batch_size = std::max<int64_t>(1, train.batch_size / parts) * parts; });
  }

  void fit_blocks() {
    auto& model = config_.model;
    const size_t levels = model.block_out_channels.size();
    constexpr std::string_view kLimit = "model.block_out_channels";
    if (model.down_block_types.size() != levels && is_default("model.down_block_types"))
      change("model.down_block_types", kLimit,
             [&] { model.down_block_types = usual_blocks(levels, "Down"); });
    if (model.up_block_types.size() != levels && is_default("model.up_block_types"))
      change("model.up_block_types", kLimit,
             [&] { model.up_block_types = usual_blocks(levels, "Up"); });
  }

  void fit_groups() {
    auto& model = config_.model;
    const auto divides = [&](int64_t groups) {
      return std::ranges::all_of(model.block_out_channels,
                                 [&](int64_t channels) { return channels % groups == 0; });
    };
    if (divides(model.norm_num_groups)) return;
    if (!is_default("model.norm_num_groups")) return;
    change("model.norm_num_groups", "model.block_out_channels", [&] {
      while (!divides(model.norm_num_groups))
        --model.norm_num_groups;
    });
  }

  /// Processes without timesteps have no choice of variances.
  void fit_variance() {
    auto& sample = config_.sample;
    const bool none = !traits_of(config_.diffusion.process).has_timesteps;
    if (!none || !traits_of(sample.sampler).has(kTakesVarianceType)) return;
    if (sample.variance_type == VarianceType::kFixedSmall) return;
    if (!is_default("sample.variance_type")) return;
    change("sample.variance_type", "diffusion.process",
           [&] { sample.variance_type = VarianceType::kFixedSmall; });
  }

  /// A model without classes has nothing to be guided to.
  void fit_guidance() {
    auto& sample = config_.sample;
    if (config_.model.class_conditional || sample.guidance == 1.0) return;
    if (!choices_.yields("sample.guidance", "model.class_conditional")) return;
    change("sample.guidance", "model.class_conditional", [&] { sample.guidance = 1.0; });
  }

  void fit_steps() {
    if (!choices_.yields("sample.steps", "diffusion.num_train_timesteps")) return;
    auto line = fit_sample_steps(config_.sample, config_.diffusion);
    if (!line.empty()) lines_.push_back(std::move(line));
  }

  Config& config_;
  const Choices& choices_;
  std::vector<std::string> lines_;
};

}  // namespace

ChosenBy Choices::of(std::string_view key) const {
  const std::string name(key);
  if (overrides_.has(name)) return ChosenBy::kPerson;
  return in_file_.contains(name) ? ChosenBy::kFile : ChosenBy::kNobody;
}

bool Choices::yields(std::string_view key, std::string_view limit) const {
  return of(key) == ChosenBy::kNobody || of(key) < of(limit);
}

std::vector<std::string> fit_settings(Config& config, const Choices& choices) {
  return Fitting(config, choices).run();
}

std::string fit_sample_steps(SampleConfig& sample, const DiffusionConfig& diffusion) {
  if (!traits_of(diffusion.process).has_timesteps) return {};
  const int64_t most = most_steps(sample, diffusion.num_train_timesteps);
  if (sample.steps <= most) return {};
  const auto before = std::to_string(sample.steps);
  sample.steps = most;
  return "sample.steps is " + std::to_string(most) + ", not " + before +
         ", to fit diffusion.num_train_timesteps " + std::to_string(diffusion.num_train_timesteps);
}

}  // namespace ddpm
