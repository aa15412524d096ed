#include "ddpm/data/array_images.h"

#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto files = split_in_two(as_text(data, size));
  expect_only<DataError>([&] {
    const ArrayImages images(parse_npy(files.first, "images"), "images");
    const auto labels = array_labels(parse_npy(files.second, "labels"), images.count(), "labels");
    require(static_cast<int64_t>(labels.size()) == images.count());
    if (images.count() > 0 && images.size().bytes() > 0)
      require(static_cast<int64_t>(images.image(images.count() - 1).pixels.size()) ==
              images.size().bytes());
  });
  return 0;
}
