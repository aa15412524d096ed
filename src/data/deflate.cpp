#include "ddpm/data/deflate.h"

#include <algorithm>
#include <memory>
#include <new>

#include <zlib.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int kRaw = -MAX_WBITS;
constexpr size_t kStreamBlock = size_t{1} << 17;

// Gives zlib, which counts in 32 bits, the next block of its input.
void feed(z_stream& stream, std::string_view& input) {
  if (stream.avail_in > 0) return;
  const size_t count = std::min(input.size(), kStreamBlock);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
  stream.avail_in = static_cast<uInt>(count);
  input.remove_prefix(count);
}

// Lets zlib write to `out` from `used` on, at most a block.
void drain_to(z_stream& stream, std::string& out, size_t used) {
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
  stream.avail_out = static_cast<uInt>(std::min(out.size() - used, kStreamBlock));
}

}  // namespace

std::string deflate_bytes(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRaw, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw std::bad_alloc();
  }
  const std::unique_ptr<z_stream, decltype(&deflateEnd)> closer(&stream, deflateEnd);
  std::string out;
  size_t used = 0;
  for (int state = Z_OK; state != Z_STREAM_END;) {
    out.resize(used + kStreamBlock);
    drain_to(stream, out, used);
    feed(stream, bytes);
    state = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    used += kStreamBlock - stream.avail_out;
  }
  out.resize(used);
  return out;
}

std::string inflate_bytes(std::string_view packed, uint64_t size, const std::string& name) {
  if (size / kMaxDeflateRatio > packed.size())
    throw DataError(name, ": broken, its size cannot be true");
  z_stream stream{};
  if (inflateInit2(&stream, kRaw) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> closer(&stream, inflateEnd);
  std::string out;
  size_t used = 0;
  int state = Z_OK;
  while (state == Z_OK && used <= size) {
    // Grown as data arrives: `size` may be a lie. One byte more shows a stream that goes on.
    if (used == out.size())
      out.resize(std::min<size_t>(size + 1, std::max(kStreamBlock, 2 * used)));
    feed(stream, packed);
    drain_to(stream, out, used);
    const uInt room = stream.avail_out;
    state = inflate(&stream, Z_NO_FLUSH);
    used += room - stream.avail_out;
  }
  if (state != Z_STREAM_END || used != size) {
    throw DataError(name, ": broken compressed data, expected ", size, " bytes");
  }
  out.resize(size);
  return out;
}

}  // namespace ddpm
