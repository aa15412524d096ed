// The one place where the stb headers are compiled.
#include <cstdlib>

#include <zlib.h>

namespace {

// What check_complete lets pass takes no more under the largest limits that can be set; a hostile
// file may ask for more.
constexpr size_t kMaxAllocation = size_t{2} << 30;
// Only compressed data grow, and rows beyond those that a PNG's header tells.
constexpr size_t kMaxGrown = size_t{512} << 20;

// Zeroed, because a hostile file makes stb_image use tables that it never set.
void* bounded_malloc(size_t size) {
  return size > kMaxAllocation ? nullptr : std::calloc(1, size);
}

void* bounded_realloc(void* block, size_t size) {
  return size > kMaxGrown ? nullptr : std::realloc(block, size);
}

unsigned char* compress_with_zlib(unsigned char* data, int length, int* out_length, int level) {
  uLongf packed = compressBound(static_cast<uLong>(length));
  auto* out = static_cast<unsigned char*>(std::malloc(packed));
  if (out == nullptr || compress2(out, &packed, data, static_cast<uLong>(length), level) != Z_OK) {
    std::free(out);
    return nullptr;
  }
  *out_length = static_cast<int>(packed);
  return out;
}

}  // namespace

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"

#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_PNG
#define STBI_ONLY_GIF
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 65535
#define STBI_MALLOC(size) bounded_malloc(size)
#define STBI_REALLOC(block, size) bounded_realloc(block, size)
#define STBI_FREE(block) std::free(block)
#include <stb/stb_image.h>

#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS compress_with_zlib
#include <stb/stb_image_write.h>

#pragma GCC diagnostic pop
