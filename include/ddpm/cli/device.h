#pragma once

#include <string>

#include <torch/types.h>

#include "ddpm/config/config.h"

namespace ddpm {

/// The device that "auto", "cpu", "cuda" or "cuda:1" means. "auto" takes the first GPU if this
/// machine has an NVIDIA driver and LibTorch's CUDA libraries, else the CPU. CUDA's libraries are
/// loaded only here. `DeviceError` that says what is missing.
torch::Device select_device(const std::string& name);

/// "NVIDIA H200" or "cpu, 2 threads", for people.
std::string describe_device(const torch::Device& device);

}  // namespace ddpm
