#include "ddpm/data/bytes.h"
#include "ddpm/util/crc32.h"
#include "image.h"

namespace {

/// The file with the right checksum on every chunk, which chance would not find.
std::string with_checksums(std::string_view bytes) {
  constexpr size_t kSignature = 8;
  std::string png = "\x89PNG\r\n\x1a\n";
  bytes.remove_prefix(std::min(bytes.size(), kSignature));
  while (bytes.size() >= 12) {
    const size_t length = std::min<size_t>(ddpm::read_be32(bytes, 0), bytes.size() - 12);
    ddpm::append_be32(png, static_cast<uint32_t>(length));
    png += bytes.substr(4, length + 4);
    ddpm::append_be32(png, ddpm::crc32_of(bytes.substr(4, length + 4)));
    bytes.remove_prefix(length + 12);
  }
  return png.append(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  const auto bytes = as_text(data, size);
  expect_only<DataError>([&] { png_text(bytes); });
  const auto png = with_checksums(bytes);
  expect_only<DataError>([&] { png_text(png); });
  decode_as_the_program_does(png);
  return 0;
}
