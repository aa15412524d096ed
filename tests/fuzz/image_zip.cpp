#include "ddpm/data/dataset.h"
#include "ddpm/data/folder_scan.h"
#include "ddpm/data/image_files.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto file = fuzz_folder().write("a.zip", as_text(data, size));
  expect_only<DataError>([&] {
    const auto files = open_image_files(file, uint64_t{1} << 20);
    try {
      const auto listing = scan_files(*files, DataConfig());
      require(listing.labels.empty() || listing.labels.size() == listing.files.size());
      for (const auto& name : listing.files)
        files->mark(name);
    } catch (const NoSplitError&) {  // images of other splits alone
    }
  });
  return 0;
}
