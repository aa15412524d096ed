#include "ddpm/runtime/device.h"

#include <cstdlib>
#include <filesystem>

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <dlfcn.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include "ddpm/util/error.h"
#include "ddpm/util/log.h"
#include "ddpm/util/number.h"

namespace ddpm {
namespace {

/// The function by which the CUDA module (src/cuda/module.cpp) names a GPU.
using DescribeGpu = void (*)(int index, char* text, size_t size);
/// The function by which it makes graphs.
using MakeGraphFactory = void (*)(int index, GraphFactory* factory);

bool has_nvidia_driver() {
  return std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/dxg");
}

/// Whether LibTorch has bf16 products for this CPU. Elsewhere it computes them one number at a
/// time.
bool multiplies_bf16() {
  const auto supported =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
  return supported && supported->typed<bool()>().call();
}

/// Loads LibTorch's CUDA half; empty if that worked, else the loader's reason.
std::string load_cuda_libraries() {
  // cuBLAS gives the same bits in every run only with a workspace of fixed size.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) return dlerror();
  return {};
}

int parse_index(const std::string& name) {
  if (name == "cuda") return 0;
  constexpr std::string_view kPrefix = "cuda:";
  const auto number = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : std::string();
  const auto index = parse_number<int>(number).value_or(-1);
  if (index < 0) {
    throw UserError("`device` must be auto, cpu, cuda or cuda:NUMBER, got '", name, "'");
  }
  return index;
}

/// A function of the CUDA module, or null if there is no such module.
void* module_function(const char* name) {
  void* const module = dlopen("libddpm_cuda.so", RTLD_NOW);
  return module == nullptr ? nullptr : dlsym(module, name);
}

torch::Device cuda_device(int index) {
  if (!has_nvidia_driver()) {
    throw DeviceError(
        "`device` cuda: this machine has no NVIDIA driver (/dev/nvidiactl is missing)");
  }
  if (const auto reason = load_cuda_libraries(); !reason.empty()) {
    throw DeviceError("`device` cuda: LibTorch's CUDA libraries cannot be loaded (", reason,
                      "); install them with scripts/setup.sh --cuda");
  }
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (index >= count) {
    throw DeviceError("`device` cuda:", index, ": this machine has ", count, " usable GPUs");
  }
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(index)};
}

}  // namespace

torch::Device select_device(const std::string& name) {
  if (name == "cpu") return torch::kCPU;
  if (name != "auto") return cuda_device(parse_index(name));
  if (!has_nvidia_driver()) return torch::kCPU;
  if (const auto reason = load_cuda_libraries(); !reason.empty()) {
    log_warning("there is an NVIDIA driver, but LibTorch's CUDA libraries cannot be loaded (" +
                reason + "); using the CPU. scripts/setup.sh --cuda installs them");
    return torch::kCPU;
  }
  return torch::cuda::device_count() > 0 ? cuda_device(0) : torch::Device(torch::kCPU);
}

void check_precision(Precision precision, const torch::Device& device) {
  if (!device.is_cpu()) return;
  if (precision == Precision::kTf32) {
    throw UserError(
        "precision tf32 is a mode of NVIDIA GPUs and this run is on the CPU, expected float32, "
        "bf16 or auto");
  }
  if (precision == Precision::kBFloat16 && !multiplies_bf16()) {
    log_warning("this CPU has no instructions for bf16: float32 will be several times faster");
  }
}

DeviceScope::DeviceScope(const torch::Device& device, Precision precision, bool autotune) {
  if (device.is_cpu()) return;
  before_ = current();
  const bool tf32 = precision == Precision::kTf32;
  put({.deterministic_cudnn = true,
       .benchmark_cudnn = autotune,
       .deterministic = true,
       .deterministic_warn_only = false,
       .fill_uninitialized = false,  // fills every new tensor, for debugging
       .tf32_cudnn = tf32,
       .tf32_cublas = tf32});
}

DeviceScope::~DeviceScope() {
  if (before_) put(*before_);
}

DeviceScope::Modes DeviceScope::current() {
  const auto& context = at::globalContext();
  return {.deterministic_cudnn = context.deterministicCuDNN(),
          .benchmark_cudnn = context.benchmarkCuDNN(),
          .deterministic = context.deterministicAlgorithms(),
          .deterministic_warn_only = context.deterministicAlgorithmsWarnOnly(),
          .fill_uninitialized = context.deterministicFillUninitializedMemory(),
          .tf32_cudnn = context.allowTF32CuDNN(),
          .tf32_cublas = context.allowTF32CuBLAS()};
}

void DeviceScope::put(const Modes& modes) {
  auto& context = at::globalContext();
  context.setDeterministicCuDNN(modes.deterministic_cudnn);
  context.setBenchmarkCuDNN(modes.benchmark_cudnn);
  context.setDeterministicAlgorithms(modes.deterministic, modes.deterministic_warn_only);
  context.setDeterministicFillUninitializedMemory(modes.fill_uninitialized);
  context.setAllowTF32CuDNN(modes.tf32_cudnn);
  context.setAllowTF32CuBLAS(modes.tf32_cublas);
}

GraphFactory make_graph_factory(const torch::Device& device, bool wanted) {
  GraphFactory factory;
  if (device.is_cpu() || !wanted) return factory;
  void* const symbol = module_function("ddpm_make_graph_factory");
  if (symbol == nullptr) {
    log_warning(
        "no CUDA graphs: libddpm_cuda.so is not beside the program; scripts/setup.sh --cuda builds "
        "it");
    return factory;
  }
  reinterpret_cast<MakeGraphFactory>(symbol)(device.index(), &factory);
  return factory;
}

std::string describe_device(const torch::Device& device) {
  if (device.is_cpu()) return "cpu, " + std::to_string(at::get_num_threads()) + " threads";
  void* const symbol = module_function("ddpm_describe_gpu");
  if (symbol == nullptr) return device.str();
  char text[256] = "";
  reinterpret_cast<DescribeGpu>(symbol)(device.index(), text, sizeof(text));
  return device.str() + ", " + text;
}

}  // namespace ddpm
