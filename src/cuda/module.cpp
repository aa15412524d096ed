/// The part of the program that needs CUDA's headers: a library of its own, loaded when a CUDA
/// device is used. Everything else reaches CUDA through LibTorch's dispatcher. Only headers of the
/// CUDA runtime are needed, so that it compiles and links without the rest of the CUDA set.
#include <cstdio>
#include <exception>

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include "ddpm/runtime/work_graph.h"

#define DDPM_EXPORT extern "C" __attribute__((visibility("default")))

namespace ddpm {
namespace {

/// What all graphs of one device share. They run one after another and leave nothing in the pool,
/// so they can use the same memory; one stream, so that what belongs to a stream is set up once.
struct GraphPlace {
  c10::cuda::CUDAStream stream;
  c10::MempoolId_t pool;
};

class CudaWorkGraph : public WorkGraph {
 public:
  explicit CudaWorkGraph(const GraphPlace& place) : place_(place) {}

  void warm_up(const std::function<void()>& work) override {
    const c10::cuda::CUDAGuard device(place_.stream.device());
    const BranchOfCurrentStream branch(place_.stream);
    work();
  }

  void record(const std::function<void()>& work) override {
    const c10::cuda::CUDAGuard device(place_.stream.device());
    c10::cuda::device_synchronize();
    // The graph's own pool takes the place of the memory that warming up has left in the cache.
    c10::cuda::CUDACachingAllocator::emptyCache();
    const BranchOfCurrentStream branch(place_.stream);
    graph_.register_generator_state(
        at::cuda::detail::getDefaultCUDAGenerator(place_.stream.device_index()));
    // The data threads allocate pinned memory meanwhile, which the global mode would not allow.
    graph_.capture_begin(place_.pool, cudaStreamCaptureModeThreadLocal);
    bool ended = false;
    try {
      work();
      ended = true;
      graph_.capture_end();
    } catch (...) {
      abandon(ended);
      throw;
    }
  }

  void replay() override { graph_.replay(); }

 private:
  /// Makes `stream` the current one for a scope; it waits for the current one before, and the
  /// current one for it afterwards.
  class BranchOfCurrentStream {
   public:
    explicit BranchOfCurrentStream(c10::cuda::CUDAStream stream)
        : main_(c10::cuda::getCurrentCUDAStream(stream.device_index())),
          branch_(stream) {
      wait(branch_, main_);
      c10::cuda::setCurrentCUDAStream(branch_);
    }
    ~BranchOfCurrentStream() {
      c10::cuda::setCurrentCUDAStream(main_);
      try {
        wait(main_, branch_);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "ddpm: CUDA stream: %s\n", error.what());
      }
    }
    BranchOfCurrentStream(const BranchOfCurrentStream&) = delete;
    BranchOfCurrentStream& operator=(const BranchOfCurrentStream&) = delete;

   private:
    static void wait(const c10::cuda::CUDAStream& later, const c10::cuda::CUDAStream& earlier) {
      cudaEvent_t event = nullptr;
      C10_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
      const auto recorded = cudaEventRecord(event, earlier.stream());
      const auto waiting =
          recorded == cudaSuccess ? cudaStreamWaitEvent(later.stream(), event, 0) : recorded;
      C10_CUDA_CHECK(cudaEventDestroy(event));  // once it has happened
      C10_CUDA_CHECK(waiting);
    }

    c10::cuda::CUDAStream main_;
    c10::cuda::CUDAStream branch_;
  };

  /// Puts stream and allocators back to ordinary work after a recording that went wrong; `ended` if
  /// its end was what failed. Errors here tell of the same failure once more.
  void abandon(bool ended) {
    bool closed = false;
    try {
      if (!ended) graph_.capture_end();
      closed = !ended;
    } catch (const std::exception&) {
    }
    // A failed end leaves the allocators believing that a recording goes on.
    try {
      const auto device = place_.stream.device_index();
      if (!closed) c10::cuda::CUDACachingAllocator::endAllocateToPool(device, place_.pool);
      if (!closed) at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(place_.pool);
    } catch (const std::exception&) {
    }
    static_cast<void>(cudaGetLastError());
    graph_.reset();
  }

  GraphPlace place_;
  at::cuda::CUDAGraph graph_;
};

}  // namespace
}  // namespace ddpm

/// Writes the GPU's name, its free and its whole memory into `text`.
DDPM_EXPORT void ddpm_describe_gpu(int index, char* text, size_t size) {
  constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
  const c10::cuda::CUDAGuard device(static_cast<c10::DeviceIndex>(index));
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  if (cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) free_bytes = total_bytes = 0;
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) properties.name[0] = '\0';
  std::snprintf(text, size, "%s, %.0f of %.0f GiB free", properties.name,
                static_cast<double>(free_bytes) / kGiB, static_cast<double>(total_bytes) / kGiB);
}

/// Puts into `factory` what makes graphs for this GPU.
DDPM_EXPORT void ddpm_make_graph_factory(int index, ddpm::GraphFactory* factory) {
  const ddpm::GraphPlace place{
      c10::cuda::getStreamFromPool(/*isHighPriority=*/false, static_cast<c10::DeviceIndex>(index)),
      at::cuda::graph_pool_handle()};
  *factory = [place] { return std::make_unique<ddpm::CudaWorkGraph>(place); };
}
