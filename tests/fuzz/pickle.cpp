#include "ddpm/checkpoint/pickle.h"

#include "ddpm/checkpoint/foreign_state.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  expect_only<CheckpointError>([&] {
    const auto content = parse_pickle(as_text(data, size), "a");
    require(content.bytes <= size);
    for (const auto& [path, tensor] : content.tensors)
      require(tensor.shape.size() == tensor.strides.size() && tensor.shape.size() <= 8);
    const auto state = find_foreign_state(content, "a");
    require(state.prefix.empty() || state.prefix.ends_with('.'));
  });
  return 0;
}
