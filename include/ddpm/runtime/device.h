#pragma once

#include <optional>
#include <string>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/runtime/work_graph.h"

namespace ddpm {

/// The device that "auto", "cpu", "cuda" or "cuda:1" means. "auto" takes the first GPU if this
/// machine has an NVIDIA driver and LibTorch's CUDA libraries, else the CPU. CUDA's libraries are
/// loaded only here. `DeviceError` that says what is missing.
torch::Device select_device(const std::string& name);

/// `UserError` if `device` has no such arithmetic: TensorFloat-32 is one of GPUs. Warns if it is
/// bf16 and this CPU computes that slowly.
void check_precision(Precision precision, const torch::Device& device);

/// Sets how LibTorch computes on a GPU for as long as this lives; on the CPU nothing is to be set.
///
/// Only operators are used that give the same bits in every run, so that a resumed run is the run
/// that was never interrupted. With `autotune` cuDNN times those that it has for each convolution
/// and takes the fastest; its choice, and with it the last bits, can then differ from one start of
/// the program to the next. Float32 operators use TensorFloat-32 (a mantissa of 10 bits) if
/// `precision` says so.
class DeviceScope {
 public:
  DeviceScope(const torch::Device& device, Precision precision, bool autotune);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  struct Modes {
    bool deterministic_cudnn = false;
    bool benchmark_cudnn = false;
    bool deterministic = false;
    bool deterministic_warn_only = false;
    bool fill_uninitialized = false;
    bool tf32_cudnn = false;
    bool tf32_cublas = false;
  };
  static Modes current();
  static void put(const Modes& modes);

  std::optional<Modes> before_;  // none on the CPU
};

/// Makes CUDA graphs for `device`. Empty for the CPU, if a person wants none, and, with a warning,
/// where the CUDA module of the program is missing.
GraphFactory make_graph_factory(const torch::Device& device, bool wanted = true);

/// "NVIDIA H200" or "cpu, 2 threads", for people.
std::string describe_device(const torch::Device& device);

}  // namespace ddpm
