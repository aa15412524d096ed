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
    {".dib", "BMP", true},        {".webp", "WebP", true},      {".gif", "GIF", true},
    {".tif", "TIFF", true},       {".tiff", "TIFF", true},      {".ppm", "PPM", true},
    {".pgm", "PGM", true},        {".pnm", "PNM", true},        {".pbm", "PBM", false},
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

// Both byte orders, and those of files with 64-bit offsets.
constexpr auto kTiffMarks =
    std::to_array<std::string_view>({{"II*\0", 4}, {"MM\0*", 4}, {"II+\0", 4}, {"MM\0+", 4}});

std::string_view at(std::string_view bytes, size_t offset) {
  return bytes.substr(std::min(offset, bytes.size()));
}

bool is_tiff(std::string_view bytes) {
  return std::any_of(kTiffMarks.begin(), kTiffMarks.end(),
                     [bytes](std::string_view mark) { return bytes.starts_with(mark); });
}

bool is_pnm(std::string_view bytes) {
  return bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
         (std::isspace(static_cast<unsigned char>(bytes[2])) != 0 || bytes[2] == '#');
}

// The name of an image or a file in place of one that people have; empty if it is none of these.
std::string_view unread_kind(std::string_view bytes) {
  const std::string_view box = at(bytes, 4);
  if (box.starts_with("ftypavi")) return "AVIF";
  if (box.starts_with("ftyphe") || box.starts_with("ftypmif1")) return "HEIC";
  if (box.starts_with("ftypcrx")) return "a camera's raw file";
  if (box.starts_with("JXL ") || bytes.starts_with("\xFF\x0A")) return "JPEG XL";
  if (box.starts_with("jP  ") || bytes.starts_with("\xFF\x4F\xFF\x51")) return "JPEG 2000";
  if (bytes.starts_with("8BPS")) return "Photoshop's format";
  if (bytes.starts_with("<svg") || bytes.starts_with("<?xml")) return "SVG or other XML";
  if (bytes.starts_with("<!DOCTYPE") || bytes.starts_with("<html")) return "a web page";
  if (bytes.starts_with("version https://git-lfs")) return "a pointer of Git LFS";
  return {};
}

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
  if (bytes.starts_with("RIFF") && at(bytes, 8).starts_with("WEBP")) return ImageFormat::kWebp;
  if (bytes.starts_with("GIF87a") || bytes.starts_with("GIF89a")) return ImageFormat::kGif;
  if (is_tiff(bytes)) return ImageFormat::kTiff;
  if (bytes.starts_with("BM")) return ImageFormat::kBmp;
  if (is_pnm(bytes)) return ImageFormat::kPnm;
  const std::string_view other = unread_kind(bytes);
  if (other.empty()) {
    throw DataError(name, bytes.empty() ? ": an empty file" : ": not an image",
                    ", expected PNG, JPEG, WebP, GIF, TIFF, BMP, PGM or PPM");
  }
  throw DataError(name, ": ", other, " is not read; save it as PNG, JPEG or WebP");
}

}  // namespace ddpm
