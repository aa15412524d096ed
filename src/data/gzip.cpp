#include "ddpm/data/gzip.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <zlib.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr unsigned kBuffer = 1U << 17;  // of zlib
constexpr unsigned kReadBlock = 1U << 20;

// Nothing but a regular file has a size: opening a pipe would wait for its other end.
uint64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) throw DataError(path.string(), ": cannot be read (", error.message(), ")");
  return size;
}

}  // namespace

GzipReader::GzipReader(std::filesystem::path path)
    : path_(std::move(path)),
      left_at_most_(size_of(path_)),
      file_(gzopen(path_.c_str(), "rb"), gzclose) {
  if (file_ == nullptr) {
    throw DataError(path_.string(), ": cannot be read (", std::strerror(errno), ")");
  }
  gzbuffer(file_.get(), kBuffer);
  if (gzdirect(file_.get()) == 0) left_at_most_ *= kMaxDeflateRatio;
}

std::vector<uint8_t> GzipReader::read(uint64_t count) {
  check_left(count);
  std::vector<uint8_t> bytes;
  while (bytes.size() < count) {  // grown as data arrives: `count` may be a lie
    const uint64_t old = bytes.size();
    bytes.resize(std::min(count, std::max<uint64_t>(kReadBlock, 2 * old)));
    read_into(bytes.data() + old, bytes.size() - old);
  }
  return bytes;
}

void GzipReader::skip(uint64_t count) {
  check_left(count);
  std::vector<uint8_t> block(std::min<uint64_t>(count, kReadBlock));
  for (uint64_t left = count; left > 0; left -= std::min<uint64_t>(left, kReadBlock)) {
    read_into(block.data(), std::min<uint64_t>(left, kReadBlock));
  }
}

bool GzipReader::at_end() {
  const int next = gzgetc(file_.get());
  if (next >= 0) {
    gzungetc(next, file_.get());
    return false;
  }
  check_state();
  return true;
}

void GzipReader::read_into(uint8_t* out, uint64_t count) {
  uint64_t left = count;
  while (left > 0) {
    const auto wanted = static_cast<unsigned>(std::min<uint64_t>(left, kReadBlock));
    const int got = gzread(file_.get(), out, wanted);
    if (got <= 0) {
      check_state();
      throw DataError(path_.string(), ": the file ends early, expected ", count,
                      " more bytes, got ", count - left);
    }
    out += got;
    left -= static_cast<uint64_t>(got);
  }
  left_at_most_ -= std::min(left_at_most_, count);
}

void GzipReader::check_left(uint64_t count) const {
  if (count <= left_at_most_) return;
  throw DataError(path_.string(), ": the file ends early, expected ", count,
                  " more bytes, got at most ", left_at_most_);
}

void GzipReader::check_state() const {
  int code = Z_OK;
  gzerror(file_.get(), &code);
  if (code == Z_OK || code == Z_STREAM_END) return;
  if (code == Z_BUF_ERROR) throw DataError(path_.string(), ": broken gzip file, it ends early");
  throw DataError(path_.string(), ": broken gzip file (",
                  code == Z_ERRNO ? std::strerror(errno) : "damaged data", ")");
}

}  // namespace ddpm
