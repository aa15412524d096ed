#include "ddpm/data/image_format.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "ddpm/util/error.h"

namespace ddpm {
namespace {

constexpr auto kEndings = std::to_array<ImageEnding>({
    {".png", "PNG", true},        {".jpg", "JPEG", true},       {".jpeg", "JPEG", true},
    {".jpe", "JPEG", true},       {".jfif", "JPEG", true},      {".bmp", "BMP", true},
    {".dib", "BMP", true},        {".webp", "WebP", false},     {".gif", "GIF", false},
    {".tif", "TIFF", false},      {".tiff", "TIFF", false},     {".ppm", "PPM", false},
    {".pgm", "PGM", false},       {".pnm", "PNM", false},       {".pbm", "PBM", false},
    {".pam", "PAM", false},       {".pfm", "PFM", false},       {".apng", "PNG", true},
    {".avif", "AVIF", false},     {".heic", "HEIC", false},     {".heif", "HEIF", false},
    {".jxl", "JPEG XL", false},   {".jp2", "JPEG 2000", false}, {".j2k", "JPEG 2000", false},
    {".jpx", "JPEG 2000", false}, {".svg", "SVG", false},       {".psd", "Photoshop", false},
    {".xcf", "GIMP", false},      {".tga", "TGA", false},       {".ico", "icon", false},
    {".pcx", "PCX", false},       {".dds", "DDS", false},       {".exr", "OpenEXR", false},
    {".hdr", "Radiance", false},  {".dng", "raw", false},       {".cr2", "raw", false},
    {".cr3", "raw", false},       {".nef", "raw", false},       {".arw", "raw", false},
    {".orf", "raw", false},       {".rw2", "raw", false},       {".raf", "raw", false},
    {".dcm", "DICOM", false},     {".fits", "FITS", false},     {".qoi", "QOI", false},
});

}  // namespace

std::optional<ImageEnding> image_ending(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto found = std::find_if(kEndings.begin(), kEndings.end(),
                                  [&](const ImageEnding& row) { return row.ending == ending; });
  if (found == kEndings.end()) return std::nullopt;
  return *found;
}

bool is_read_image(const std::filesystem::path& path) {
  const auto ending = image_ending(path);
  return ending && ending->is_read;
}

std::string read_image_endings() {
  std::vector<std::string_view> read;
  for (const ImageEnding& row : kEndings) {
    if (row.is_read) read.push_back(row.ending);
  }
  std::string text(read.front());
  for (size_t i = 1; i < read.size(); ++i) {
    text.append(i + 1 < read.size() ? ", " : " or ").append(read[i]);
  }
  return text;
}

ImageFormat image_format(std::string_view bytes, const std::string& name) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (bytes.starts_with("\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (bytes.starts_with("BM")) return ImageFormat::kBmp;
  throw DataError(name, ": not a PNG, JPEG or BMP image");
}

}  // namespace ddpm
