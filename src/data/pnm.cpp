#include "ddpm/data/pnm.h"

#include <cctype>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr uint32_t kMostPnmValue = 65535;

struct PnmHeader {
  ImageSize size;
  uint32_t brightest = 0;
  size_t end = 0;  // where the pixels begin
};

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// Reads the numbers of the header, between which are spaces and comments.
class PnmNumbers {
 public:
  PnmNumbers(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  // From 1 to 65535, which is also the largest side.
  uint32_t next() {
    skip_spaces();
    uint32_t value = 0;
    while (std::isdigit(static_cast<unsigned char>(peek())) != 0) {
      value = value * 10 + static_cast<uint32_t>(peek() - '0');
      if (value > kMostPnmValue) fail();
      ++at_;
    }
    if (value == 0 || !is_space(peek())) fail();
    return value;
  }

  // Of the single space behind the last number.
  size_t end() const { return at_ + 1; }

 private:
  char peek() const { return at_ < bytes_.size() ? bytes_[at_] : '\0'; }

  void skip_spaces() {
    while (is_space(peek()) || peek() == '#') {
      if (peek() == '#') at_ = std::min(bytes_.find('\n', at_), bytes_.size() - 1);
      ++at_;
    }
  }

  [[noreturn]] void fail() const {
    throw DataError(name_, ": broken PGM or PPM header, expected numbers from 1 to ",
                    kMostPnmValue);
  }

  std::string_view bytes_;
  const std::string& name_;
  size_t at_ = 2;  // after the mark
};

PnmHeader read_pnm_header(std::string_view bytes, const std::string& name) {
  if (!bytes.starts_with("P5") && !bytes.starts_with("P6")) {
    throw DataError(name, ": expected a binary PGM or PPM (P5 or P6), got ", bytes.substr(0, 2),
                    "; save it as one of these or as PNG");
  }
  PnmNumbers numbers(bytes, name);
  PnmHeader header;
  header.size.width = numbers.next();
  header.size.height = numbers.next();
  header.size.channels = bytes[1] == '5' ? 1 : 3;
  header.brightest = numbers.next();
  header.end = numbers.end();
  return header;
}

}  // namespace

ImageHeader pnm_header(std::string_view bytes, const std::string& name) {
  return {read_pnm_header(bytes, name).size, 1};
}

Image decode_pnm(std::string_view bytes, const std::string& name) {
  const PnmHeader header = read_pnm_header(bytes, name);
  const size_t value_bytes = header.brightest > 255 ? 2 : 1;
  const auto count = static_cast<size_t>(header.size.bytes());
  const std::string_view data = bytes.substr(std::min(header.end, bytes.size()));
  if (data.size() / value_bytes < count) {
    throw DataError(name, ": broken PGM or PPM, the file ends early");
  }
  Image image{header.size.height, header.size.width, header.size.channels, {}};
  image.pixels.reserve(count);
  for (size_t at = 0; at < count * value_bytes; at += value_bytes) {
    uint32_t value = static_cast<uint8_t>(data[at]);
    if (value_bytes == 2) value = value << 8 | static_cast<uint8_t>(data[at + 1]);
    value = std::min(value, header.brightest);
    const uint32_t scaled = (value * 255 + header.brightest / 2) / header.brightest;
    image.pixels.push_back(static_cast<uint8_t>(scaled));
  }
  image.stored_bits = value_bytes == 2 ? 16 : 8;
  return image;
}

}  // namespace ddpm
