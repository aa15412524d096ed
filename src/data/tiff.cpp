#include "ddpm/data/tiff.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include <tiffio.h>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

// A file in memory, as libtiff reads it, and what it complained of.
struct TiffSource {
  std::string_view bytes;
  uint64_t at = 0;
  std::string complaint;
};

TiffSource& source_of(thandle_t handle) {
  return *static_cast<TiffSource*>(handle);
}

tmsize_t read_tiff(thandle_t handle, void* to, tmsize_t size) {
  TiffSource& source = source_of(handle);
  if (size < 0 || source.at > source.bytes.size()) return 0;
  const size_t count = std::min(static_cast<size_t>(size), source.bytes.size() - source.at);
  std::memcpy(to, source.bytes.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}

tmsize_t write_tiff(thandle_t /*handle*/, void* /*from*/, tmsize_t /*size*/) {
  return 0;
}

toff_t seek_tiff(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = source_of(handle);
  const uint64_t base = whence == SEEK_SET   ? 0
                        : whence == SEEK_CUR ? source.at
                                             : source.bytes.size();
  return source.at = base + offset;
}

int close_tiff(thandle_t /*handle*/) {
  return 0;
}

toff_t size_of_tiff(thandle_t handle) {
  return source_of(handle).bytes.size();
}

int map_tiff(thandle_t handle, void** base, toff_t* size) {
  const std::string_view bytes = source_of(handle).bytes;
  *base = const_cast<char*>(bytes.data());  // libtiff does not write to files opened for reading
  *size = bytes.size();
  return 1;
}

void unmap_tiff(thandle_t /*handle*/, void* /*base*/, toff_t /*size*/) {}

int keep_complaint(TIFF* /*file*/, void* data, const char* /*module*/, const char* format,
                   va_list values) {
  auto& complaint = static_cast<TiffSource*>(data)->complaint;
  char text[200];
  std::vsnprintf(text, sizeof text, format, values);
  if (complaint.empty()) complaint = text;
  return 1;
}

int ignore_warning(TIFF* /*file*/, void* /*data*/, const char* /*module*/, const char* /*format*/,
                   va_list /*values*/) {
  return 1;
}

// A TIFF open for reading, at its first image.
class TiffReader {
 public:
  TiffReader(std::string_view bytes, uint64_t most_bytes, const std::string& name) : name_(name) {
    source_.bytes = bytes;
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(
        TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(most_bytes));
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_complaint, &source_);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore_warning, nullptr);
    file_.reset(TIFFClientOpenExt("", "r", &source_, read_tiff, write_tiff, seek_tiff, close_tiff,
                                  size_of_tiff, map_tiff, unmap_tiff, options.get()));
    if (file_ == nullptr) fail();
  }

  TIFF* file() const { return file_.get(); }

  [[noreturn]] void fail() const {
    throw DataError(name_, ": broken TIFF (",
                    source_.complaint.empty() ? "no image" : source_.complaint, ")");
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw DataError(name_, ": a TIFF of a kind that is not read (", why,
                    "); save it as PNG, or as a TIFF of 8 or 16 bits without compression");
  }

  // 0 if it is told nowhere.
  uint16_t short_field(uint32_t tag) const {
    uint16_t value = 0;
    TIFFGetFieldDefaulted(file(), tag, &value);
    return value;
  }

  uint32_t long_field(uint32_t tag) const {
    uint32_t value = 0;
    TIFFGetField(file(), tag, &value);
    return value;
  }

 private:
  const std::string& name_;
  TiffSource source_;
  std::unique_ptr<TIFF, decltype(&TIFFClose)> file_{nullptr, TIFFClose};
};

bool is_read_compression(uint16_t scheme) {
  switch (scheme) {
    case COMPRESSION_NONE:
    case COMPRESSION_LZW:
    case COMPRESSION_ADOBE_DEFLATE:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_PACKBITS:
      return true;
    default:
      return false;
  }
}

ImageHeader header_of(const TiffReader& reader) {
  const uint16_t compression = reader.short_field(TIFFTAG_COMPRESSION);
  if (!is_read_compression(compression)) {
    reader.refuse("compression " + std::to_string(compression));
  }
  char why[1024] = "";
  if (TIFFRGBAImageOK(reader.file(), why) == 0) reader.refuse(why);
  const uint16_t meaning = reader.short_field(TIFFTAG_PHOTOMETRIC);
  const bool is_grey = meaning == PHOTOMETRIC_MINISBLACK || meaning == PHOTOMETRIC_MINISWHITE;
  const int orientation = reader.short_field(TIFFTAG_ORIENTATION);
  return {{reader.long_field(TIFFTAG_IMAGELENGTH), reader.long_field(TIFFTAG_IMAGEWIDTH),
           is_grey ? 1 : 3},
          orientation >= 1 && orientation <= 8 ? orientation : 1};
}

// All pixels as stored, each in the order red, green, blue, alpha from the lowest byte; colours are
// multiplied by alpha already.
std::vector<uint32_t> read_rgba(const TiffReader& reader, const ImageSize& size) {
  TIFFRGBAImage image;
  char why[1024] = "";
  if (TIFFRGBAImageBegin(&image, reader.file(), 1, why) == 0) reader.refuse(why);
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> end(&image, TIFFRGBAImageEnd);
  image.orientation = ORIENTATION_TOPLEFT;  // libtiff itself turns only some of the eight
  image.req_orientation = ORIENTATION_TOPLEFT;
  std::vector<uint32_t> pixels(static_cast<size_t>(size.height * size.width));
  if (TIFFRGBAImageGet(&image, pixels.data(), static_cast<uint32_t>(size.width),
                       static_cast<uint32_t>(size.height)) == 0) {
    reader.fail();
  }
  return pixels;
}

uint8_t on_white(uint32_t value, uint32_t alpha) {
  return static_cast<uint8_t>(std::min<uint32_t>(255, value + 255 - alpha));
}

}  // namespace

ImageHeader tiff_header(std::string_view bytes, const std::string& name) {
  return header_of(TiffReader(bytes, bytes.size() + (1 << 20), name));
}

Image decode_tiff(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  const TiffReader reader(bytes, limits.bytes(), name);
  const ImageSize size = header_of(reader).size;
  check_image_size(size, limits, name);
  Image image{size.height, size.width, size.channels, {}};
  image.pixels.reserve(static_cast<size_t>(size.bytes()));
  for (const uint32_t pixel : read_rgba(reader, size)) {
    const uint32_t alpha = TIFFGetA(pixel);
    for (int64_t channel = 0; channel < size.channels; ++channel) {
      image.pixels.push_back(on_white(pixel >> (8 * channel) & 0xFF, alpha));
    }
  }
  image.stored_bits = reader.short_field(TIFFTAG_BITSPERSAMPLE) == 16 ? 16 : 8;
  return image;
}

}  // namespace ddpm
