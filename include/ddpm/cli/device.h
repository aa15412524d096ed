#pragma once

#include <string>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/util/work_graph.h"

namespace ddpm {

/// The device that "auto", "cpu", "cuda" or "cuda:1" means. "auto" takes the first GPU if this
/// machine has an NVIDIA driver and LibTorch's CUDA libraries, else the CPU. CUDA's libraries are
/// loaded only here. `DeviceError` that says what is missing.
///
/// On a GPU only operators are used that give the same bits in every run. With `autotune` cuDNN
/// times those that it has for each convolution and takes the fastest; its choice, and with it the
/// last bits, can then differ from one start of the program to the next.
torch::Device select_device(const std::string& name, bool autotune = false);

/// Lets float32 operators on `device` use TensorFloat-32 (a mantissa of 10 bits) if `precision`
/// says so, and no others. `UserError` if it does and the device is the CPU; a warning if it is
/// bf16 and this CPU computes that slowly.
void apply_precision(Precision precision, const torch::Device& device);

/// Makes CUDA graphs for `device`. Empty for the CPU, if a person wants none, and, with a warning,
/// where the CUDA module of the program is missing.
GraphFactory make_graph_factory(const torch::Device& device, bool unwanted = false);

/// "NVIDIA H200" or "cpu, 2 threads", for people.
std::string describe_device(const torch::Device& device);

}  // namespace ddpm
