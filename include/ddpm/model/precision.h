#pragma once

#include <torch/types.h>

#include "ddpm/config/config.h"

namespace ddpm {

/// For one scope, matrix products and convolutions on `device` run in bfloat16 if `precision` says
/// so (autocast); weights, statistics of norms and losses stay float32.
class AutocastScope {
 public:
  AutocastScope(const torch::Device& device, Precision precision);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  torch::DeviceType type_;
  bool before_;
};

/// The layout of images and convolution weights for which the operators here are fastest.
inline constexpr auto kMemoryFormat = torch::MemoryFormat::ChannelsLast;

}  // namespace ddpm
