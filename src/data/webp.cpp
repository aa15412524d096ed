#include "ddpm/data/webp.h"

#include <memory>

#include <webp/decode.h>
#include <webp/demux.h>

#include "ddpm/data/transparency.h"
#include "ddpm/util/error.h"

namespace ddpm {
namespace {

const uint8_t* webp_data(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}

WebPBitstreamFeatures webp_features(std::string_view bytes, const std::string& name) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(webp_data(bytes), bytes.size(), &features) != VP8_STATUS_OK) {
    throw DataError(name, ": broken WebP header");
  }
  return features;
}

size_t rgba_bytes(const WebPBitstreamFeatures& features) {
  return size_t{4} * static_cast<size_t>(features.width) * static_cast<size_t>(features.height);
}

[[noreturn]] void fail_webp(const std::string& name) {
  throw DataError(name, ": broken WebP, or the file ends early");
}

std::vector<uint8_t> decode_still(std::string_view bytes, const WebPBitstreamFeatures& features,
                                  const std::string& name) {
  std::vector<uint8_t> rgba(rgba_bytes(features));
  if (WebPDecodeRGBAInto(webp_data(bytes), bytes.size(), rgba.data(), rgba.size(),
                         4 * features.width) == nullptr) {
    fail_webp(name);
  }
  return over_white(rgba.data(), rgba.size() / 4, 4);
}

std::vector<uint8_t> decode_first_frame(std::string_view bytes,
                                        const WebPBitstreamFeatures& features,
                                        const std::string& name) {
  const WebPData data{webp_data(bytes), bytes.size()};
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(
      WebPAnimDecoderNew(&data, nullptr), WebPAnimDecoderDelete);
  uint8_t* frame = nullptr;
  int milliseconds = 0;
  if (decoder == nullptr || WebPAnimDecoderGetNext(decoder.get(), &frame, &milliseconds) == 0) {
    fail_webp(name);
  }
  return over_white(frame, rgba_bytes(features) / 4, 4);
}

}  // namespace

ImageHeader webp_header(std::string_view bytes, const std::string& name) {
  const auto features = webp_features(bytes, name);
  return {{features.height, features.width, 3}, 1};
}

Image decode_webp(std::string_view bytes, const ImageLimits& limits, const std::string& name) {
  const auto features = webp_features(bytes, name);
  const bool is_animated = features.has_animation != 0;
  check_decoding_memory(rgba_bytes(features) / 4, is_animated ? 15 : 7, limits, name);
  return {features.height, features.width, 3,
          is_animated ? decode_first_frame(bytes, features, name)
                      : decode_still(bytes, features, name)};
}

}  // namespace ddpm
