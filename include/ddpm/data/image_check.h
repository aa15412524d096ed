#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ddpm {

/// One piece of a PNG file; the views point into the file.
struct PngChunk {
  std::string_view type;  // 4 letters
  std::string_view data;
};

/// The chunks of a PNG from IHDR to IEND. `DataError` starting with `name` if one ends past the
/// file, has a wrong checksum, or must be understood and is not known.
std::vector<PngChunk> png_chunks(std::string_view bytes, const std::string& name);

/// Checks what stb_image reads of a file, or of its head, to tell the image's size: it believes the
/// tables of a JPEG. `DataError` starting with `name` if it must not be let at them.
void check_before_probing(std::string_view bytes, const std::string& name);

/// Checks that a file is whole, as far as that can be told without decoding: stb_image fills what
/// is missing with zeros and looks at no checksum. `DataError` starting with `name` if it is not,
/// cannot hold the pixels that its header tells, or would take more than 512 MiB to decode.
void check_complete(std::string_view bytes, const std::string& name);

}  // namespace ddpm
