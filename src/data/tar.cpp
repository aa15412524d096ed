#include "ddpm/data/tar.h"

#include <charconv>
#include <numeric>
#include <string_view>
#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

constexpr uint64_t kTarBlock = 512;

// Fields of a header block (POSIX.1-1988 "ustar").
struct Field {
  size_t offset, length;
};
constexpr Field kName{0, 100};
constexpr Field kSizeField{124, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kType = 156;
constexpr Field kMagicField{257, 5};
constexpr Field kPrefix{345, 155};

std::string_view text_of(std::string_view block, Field field) {
  const std::string_view text = block.substr(field.offset, field.length);
  return text.substr(0, text.find('\0'));
}

std::optional<uint64_t> octal(std::string_view block, Field field) {
  const std::string_view text = trim(text_of(block, field));
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 8);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The sum of all bytes, those of the checksum itself counted as blanks.
uint64_t checksum(std::string_view block) {
  const auto add = [](uint64_t sum, char c) { return sum + static_cast<uint8_t>(c); };
  const std::string_view own = block.substr(kChecksum.offset, kChecksum.length);
  return std::accumulate(block.begin(), block.end(), uint64_t{0}, add) -
         std::accumulate(own.begin(), own.end(), uint64_t{0}, add) + kChecksum.length * ' ';
}

std::string full_name(std::string_view block) {
  std::string name(text_of(block, kName));
  if (text_of(block, kMagicField) != "ustar" || block[kPrefix.offset] == '\0') return name;
  return std::string(text_of(block, kPrefix)) + "/" + name;
}

}  // namespace

std::optional<TarEntry> TarReader::next() {
  while (true) {
    file_.skip(std::exchange(content_, 0) + std::exchange(padding_, 0));
    if (file_.at_end()) return std::nullopt;
    const std::vector<uint8_t> bytes = file_.read(kTarBlock);
    const std::string_view block(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (block.find_first_not_of('\0') == std::string_view::npos) return std::nullopt;
    const auto size = octal(block, kSizeField);
    if (!size || *size > uint64_t{1} << 40 || octal(block, kChecksum) != checksum(block)) {
      throw DataError(file_.path().string(), ": not a tar archive, or a broken one");
    }
    content_ = *size;
    padding_ = (kTarBlock - *size % kTarBlock) % kTarBlock;
    if (block[kType] == '0' || block[kType] == '\0') return TarEntry{full_name(block), *size};
  }
}

std::vector<uint8_t> TarReader::read() {
  return file_.read(std::exchange(content_, 0));
}

}  // namespace ddpm
