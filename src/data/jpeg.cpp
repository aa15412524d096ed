#include "ddpm/data/jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <iterator>

#include <jerror.h>
#include <jpeglib.h>

#include "ddpm/data/exif.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr int kExifMarker = JPEG_APP0 + 1;

// Exceptions must not pass through C, so that errors jump.
struct JpegErrors {
  jpeg_error_mgr manager{};
  std::jmp_buf start{};
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void jump_out(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->start, 1);
}

// The other warnings lose no pixels: cameras write bytes between segments, for one.
void stop_at_lost_data(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
      jump_out(info);
    default:
      break;
  }
}

bool is_unread_kind(int message_code) {
  return message_code == JERR_BAD_PRECISION || message_code == JERR_SOF_UNSUPPORTED ||
         message_code == JERR_CONVERSION_NOTIMPL || message_code == JERR_CCIR601_NOTIMPL;
}

uint8_t product_of_inverted(int ink, int black) {
  return static_cast<uint8_t>((ink * black + 127) / 255);
}

int jpeg_orientation(const jpeg_decompress_struct& info) {
  constexpr std::string_view kMark("Exif\0\0", 6);
  for (auto marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(kMark)) return exif_orientation(data.substr(kMark.size()));
  }
  return 1;
}

// Holds libjpeg's state of one file.
class JpegReader {
 public:
  JpegReader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {
    info_.err = jpeg_std_error(&errors_.manager);
    errors_.manager.error_exit = jump_out;
    errors_.manager.emit_message = stop_at_lost_data;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  ImageHeader read_header() {
    guarded([this] {
      jpeg_create_decompress(&info_);
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
      jpeg_save_markers(&info_, kExifMarker, 0xFFFF);
      jpeg_read_header(&info_, TRUE);
    });
    const int parts = info_.num_components;
    if (info_.arith_code != 0) refuse("arithmetic coding");
    if (parts != 1 && parts != 3 && parts != 4) refuse("other than 1, 3 or 4 components");
    return {{info_.image_height, info_.image_width, parts == 1 ? 1 : 3}, jpeg_orientation(info_)};
  }

  // After the header.
  Image read_pixels() {
    const int stored = info_.num_components;
    info_.out_color_space = stored == 1 ? JCS_GRAYSCALE : stored == 3 ? JCS_RGB : JCS_CMYK;
    const size_t row_bytes = size_t{info_.image_width} * static_cast<size_t>(stored);
    std::vector<uint8_t> pixels(row_bytes * info_.image_height);
    guarded([this, &pixels, row_bytes] {
      jpeg_start_decompress(&info_);
      while (info_.output_scanline < info_.output_height) {
        JSAMPROW row = pixels.data() + row_bytes * info_.output_scanline;
        jpeg_read_scanlines(&info_, &row, 1);
      }
      jpeg_finish_decompress(&info_);
    });
    return {info_.image_height, info_.image_width, stored == 1 ? 1 : 3,
            stored == 4 ? from_inverted_cmyk(pixels) : std::move(pixels)};
  }

 private:
  // `work` calls libjpeg and makes nothing that needs a destructor, which a jump would pass over.
  template <typename Work>
  void guarded(const Work& work) {
    if (setjmp(errors_.start) != 0) {
      if (is_unread_kind(errors_.manager.msg_code)) refuse(errors_.message);
      throw DataError(name_, ": broken JPEG (", errors_.message, ")");
    }
    work();
  }

  [[noreturn]] void refuse(const char* why) const {
    throw DataError(name_, ": a JPEG of a kind that is not read (", why,
                    "); save it as PNG or as a usual JPEG of 8 bits");
  }

  static std::vector<uint8_t> from_inverted_cmyk(const std::vector<uint8_t>& pixels) {
    std::vector<uint8_t> rgb;
    rgb.reserve(pixels.size() / 4 * 3);
    for (size_t i = 0; i + 3 < pixels.size(); i += 4) {
      for (size_t ink = 0; ink < 3; ++ink) {
        rgb.push_back(product_of_inverted(pixels[i + ink], pixels[i + 3]));
      }
    }
    return rgb;
  }

  std::string_view bytes_;
  const std::string& name_;
  JpegErrors errors_;
  jpeg_decompress_struct info_{};
};

}  // namespace

ImageHeader jpeg_header(std::string_view bytes, const std::string& name) {
  return JpegReader(bytes, name).read_header();
}

Image decode_jpeg(std::string_view bytes, const std::string& name) {
  JpegReader reader(bytes, name);
  reader.read_header();
  return reader.read_pixels();
}

}  // namespace ddpm
