#include "ddpm/checkpoint/foreign_state.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// A part of a tensor's name that only one kind of file has, and what that is.
struct Mark {
  std::string_view part;
  std::string_view what;
};

constexpr auto kForeignMarks = std::to_array<Mark>({
    {"downs.0.0.block1.",
     "a Unet of lucidrains' denoising-diffusion-pytorch, whose stem and linear "
     "attention UNet2DModel cannot express"},
    {"init_conv.weight",
     "a Unet of lucidrains' denoising-diffusion-pytorch, whose stem and linear "
     "attention UNet2DModel cannot express"},
    {"map_layer0.weight",
     "a network of EDM (SongUNet or DhariwalUNet), whose layers UNet2DModel "
     "cannot express"},
    {"first_stage_model.", "a latent diffusion model, whose network sees no pixels"},
    {"cond_stage_model.", "a latent diffusion model, whose network sees no pixels"},
    {"transformer_blocks.", "a latent diffusion model, whose network sees no pixels"},
});

bool holds(const PickleContent& content, std::string_view part) {
  return std::ranges::any_of(
      content.tensors, [&](const auto& item) { return item.first.find(part) != item.first.npos; });
}

/// The prefixes before this name, of all the tensors that end in it.
std::vector<std::string> prefixes_of(const PickleContent& content, const std::string& name) {
  std::vector<std::string> prefixes;
  for (const auto& [path, unused] : content.tensors) {
    const auto prefix = path.substr(0, path.size() - std::min(path.size(), name.size()));
    if (path == prefix + name && (prefix.empty() || prefix.ends_with('.')))
      prefixes.push_back(prefix);
  }
  return prefixes;
}

/// What a file without a known network holds.
[[noreturn]] void refuse(const PickleContent& content, const std::string& origin) {
  for (const auto& [path, name] : content.objects)
    if (name.starts_with("torch_utils.") || name.starts_with("training.networks"))
      throw CheckpointError(origin, ": a pickle of EDM or StyleGAN, which holds code (", name,
                            "); it is not run here, expected a state dict");
  if (holds(content, "exp_avg"))
    throw CheckpointError(origin,
                          ": the state of an optimizer, expected a network's state dict, "
                          "such as model*.pt or ema_*.pt beside it");
  if (content.tensors.empty() && !content.objects.empty())
    throw CheckpointError(origin, ": holds an object of the class ",
                          content.objects.begin()->second,
                          ", which only its own code can read; save its state_dict() instead");
  std::vector<std::string> names;
  for (const auto& [path, unused] : content.tensors)
    if (names.size() < 4) names.push_back(path);
  throw CheckpointError(
      origin,
      ": holds no U-Net of guided-diffusion, improved-diffusion or "
      "diffusers; ",
      names.empty() ? "it has no tensors" : "its tensors are called " + join(names) + ", ...");
}

}  // namespace

ForeignState find_foreign_state(const PickleContent& content, const std::string& origin) {
  for (const auto& mark : kForeignMarks)
    if (holds(content, mark.part)) throw CheckpointError(origin, ": ", mark.what);
  ForeignState state;
  state.names = ForeignNames::kGuidedDiffusion;
  auto prefixes = prefixes_of(content, "time_embed.0.weight");
  if (prefixes.empty()) {
    state.names = ForeignNames::kDiffusers;
    prefixes = prefixes_of(content, "time_embedding.linear_1.weight");
  }
  if (prefixes.empty()) refuse(content, origin);
  auto averaged = prefixes;
  std::erase_if(averaged, [](const auto& prefix) { return prefix.find("ema") == prefix.npos; });
  const auto& candidates = averaged.empty() ? prefixes : averaged;
  if (candidates.size() > 1)
    throw CheckpointError(origin, ": holds several networks: ", join(candidates),
                          "; save the state dict of one");
  state.prefix = candidates.front();
  return state;
}

}  // namespace ddpm
