#include "ddpm/runtime/tensor_memory.h"

#include <cstdint>
#include <cstdlib>

#include <c10/core/CPUAllocator.h>
#include <malloc.h>

namespace ddpm {

namespace {

constexpr uintptr_t kAlignment = 64;  // as LibTorch's
constexpr uintptr_t kSlack = kAlignment + sizeof(void*);

/// Tensors start within a plain block, at a multiple of 64 bytes; the word before the start says
/// where the block begins.
class CompactAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t n) override {
    const c10::Device device(c10::DeviceType::CPU);
    if (n == 0) return {nullptr, device};
    void* block = n < SIZE_MAX - kSlack ? std::malloc(n + kSlack) : nullptr;
    TORCH_CHECK_WITH(OutOfMemoryError, block != nullptr, "not enough memory: ", n, " bytes");
    const auto first = reinterpret_cast<uintptr_t>(block) + kSlack;
    auto* start = reinterpret_cast<void*>(first - first % kAlignment);
    static_cast<void**>(start)[-1] = block;
    c10::profiledCPUMemoryReporter().New(start, n);
    return {start, start, &release, device};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t count) const override {
    default_copy_data(to, from, count);
  }

 private:
  static void release(void* start) {
    if (start == nullptr) return;
    c10::profiledCPUMemoryReporter().Delete(start);
    std::free(static_cast<void**>(start)[-1]);
  }
};

}  // namespace

void use_compact_tensor_memory() {
  constexpr int kOneGiB = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kOneGiB);
  mallopt(M_TRIM_THRESHOLD, kOneGiB);
  static CompactAllocator allocator;
  c10::SetCPUAllocator(&allocator);
}

}  // namespace ddpm
