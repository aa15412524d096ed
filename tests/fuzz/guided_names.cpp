#include "ddpm/checkpoint/guided_names.h"

#include "ddpm/util/error.h"
#include "ddpm/util/number.h"
#include "ddpm/util/text.h"
#include "fuzz.h"

/// A tensor a line: its name and its extents.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  NamedShapes shapes;
  for (const auto& line : split(as_text(data, size), '\n')) {
    const auto words = split(line, ' ');
    if (words.empty()) continue;
    auto& shape = shapes[words[0]];
    for (size_t i = 1; i < words.size(); ++i)
      shape.push_back(parse_number<int64_t>(words[i]).value_or(1));
  }
  expect_only<CheckpointError>([&] {
    const auto found = read_guided_network(shapes, "a");
    const auto& model = found.network.model;
    require(model.block_out_channels.size() == model.down_block_types.size());
    require(found.names.size() + 2 * found.qkv.size() == shapes.size());
  });
  return 0;
}
