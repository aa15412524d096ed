#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/config/setting_overrides.h"
#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// Which file of another program becomes a checkpoint.
struct ConvertRequest {
  std::filesystem::path source;  // a file of `torch.save`, or a diffusers folder that has one
  std::filesystem::path dest;    // the new folder; nothing may be there
  SettingOverrides settings;     // of model, diffusion and sample, as the network was trained
  std::vector<int64_t> image_size = {};  // {side} or {height, width} of what it draws
  bool new_attention_order = false;      // guided-diffusion's use_new_attention_order
  /// Whether a network of other than 1000 timesteps was told them as numbers up to 1000
  /// (`rescale_timesteps` of guided-diffusion and improved-diffusion).
  std::optional<bool> rescale_timesteps;
};

/// A checkpoint that is ready to be written.
struct ConvertPlan {
  std::filesystem::path source;
  std::filesystem::path dest;
  std::string kind;  // "guided-diffusion" or "diffusers"
  std::string part;  // where in the file the network was; empty: the file is its state dict
  std::vector<std::string> left_out;  // tensors of the file that are no part of it
  Config config;
  NamedTensors weights;
  int64_t parameters = 0;
};

/// Reads the file, finds its network and checks every tensor of it; writes nothing. No code of the
/// file is run. `CheckpointError` that names what is wrong or what a `UNet2DModel` cannot express,
/// `UserError` for settings that are missing or do not go together.
ConvertPlan plan_conversion(const ConvertRequest& request);

/// Writes the folder, which appears when it is complete. `DiskError` leaves nothing behind.
void run_conversion(const ConvertPlan& plan);

}  // namespace ddpm
