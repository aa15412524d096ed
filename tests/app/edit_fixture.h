#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "tests/app/app_fixture.h"

namespace ddpm {

/// `TrainedTest` with images and masks to edit.
class EditTest : public TrainedTest {
 protected:
  EditTest() {
    write_picture("a.png", 1);
    write_picture("b.png", 2);
    write_image("white.png", 255);
    write_image("black.png", 0);
    Image half{.height = 8, .width = 8, .channels = 1, .pixels = std::vector<uint8_t>(64, 0)};
    std::fill(half.pixels.begin(), half.pixels.begin() + 32, uint8_t{255});
    dir_.write("half.png", encode_png(half));
  }

  /// An image with smooth, asymmetric content.
  void write_picture(const std::string& name, int seed, int64_t size = 8,
                     int64_t channels = 1) const {
    Image image{.height = size, .width = size, .channels = channels, .pixels = {}};
    for (int64_t i = 0; i < size * size * channels; ++i)
      image.pixels.push_back(static_cast<uint8_t>((i * i / 9 + 3 * i + 17 * seed) % 200));
    dir_.write(name, encode_png(image));
  }

  /// An edit of images of the class cat.
  static SampleRequest edit(EditMode mode, const std::string& source = "",
                            const Texts& settings = {}) {
    SampleRequest request;
    request.edit.mode = mode;
    request.edit.source = source;
    request.classes = "cat";
    put(request.settings, settings);
    return request;
  }

  static SampleRequest interpolation(uint64_t first, uint64_t second, int64_t frames,
                                     const Texts& settings = {}) {
    auto request = edit(EditMode::kInterpolate, "", settings);
    request.edit.seeds = {first, second};
    request.edit.frames = frames;
    return request;
  }

  /// An edit that keeps what is white in a mask.
  static SampleRequest masked(EditMode mode, const std::string& source, const std::string& mask,
                              const Texts& settings = {}) {
    auto request = edit(mode, source, settings);
    request.edit.mask = mask;
    return request;
  }

  /// What is drawn of the class cat without an edit, from this seed on.
  static torch::Tensor plain(int64_t count, uint64_t seed, const Texts& settings = {}) {
    auto request = sampling(count, settings);
    request.classes = "cat";
    request.seed = seed;
    return drawn(request);
  }

  /// An image file as [1, 1, H, W] in [-1, 1].
  static torch::Tensor picture(const std::string& name) {
    const auto image = load_image(name, 1);
    const auto pixels = torch::tensor(image.pixels, torch::kUInt8);
    return pixels.view({1, 1, image.height, image.width}).to(torch::kFloat32) / 127.5 - 1.0;
  }

  static torch::Tensor image(const torch::Tensor& all, int64_t i) { return all.narrow(0, i, 1); }
  /// The upper half, which half.png keeps.
  static torch::Tensor upper(const torch::Tensor& images) { return images.narrow(2, 0, 4); }
};

}  // namespace ddpm
