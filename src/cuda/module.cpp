/// The part of the program that needs CUDA's headers: a library of its own, loaded when a CUDA
/// device is used. Everything else reaches CUDA through LibTorch's dispatcher.
#include <cstdio>

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>

/// Writes the GPU's name, its free and its whole memory into `text`.
extern "C" __attribute__((visibility("default"))) void ddpm_describe_gpu(int index, char* text,
                                                                         size_t size) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(index));
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  if (cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) free_bytes = total_bytes = 0;
  const auto* const properties = at::cuda::getDeviceProperties(index);
  std::snprintf(text, size, "%s, %.0f of %.0f GiB free", properties->name,
                static_cast<double>(free_bytes) / kGiB, static_cast<double>(total_bytes) / kGiB);
}
