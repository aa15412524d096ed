#pragma once

#include <cstdint>
#include <functional>

namespace ddpm {

/// Calls `body(i)` for every `i` below `count`, in any order, on `threads` threads of which the
/// caller's is one. Ends early if a call throws: the exception of the smallest `i` that throws
/// reaches the caller, after all threads ended, so that it does not depend on their number.
void parallel_for(int64_t count, int64_t threads, const std::function<void(int64_t)>& body);

}  // namespace ddpm
