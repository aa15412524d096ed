#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/image_io.h"

namespace ddpm {

/// What a set of generated images is written as, by the name a person gave.
enum class OutputKind {
  kGrid,    // NAME.png: all images in one picture
  kFolder,  // DIR: 000000.png, 000001.png, ...
  kNpz,     // NAME.npz: arr_0 uint8 [N, H, W, C], arr_1 int64 labels if there are any
  kNpy,     // NAME.npy: float32 [N, C, H, W] in [-1, 1], not rounded
};

/// `UserError` for an ending that means none of these.
OutputKind output_kind(const std::filesystem::path& path);

/// `UserError` if writing there would replace something: the file exists, or the folder holds
/// files.
void check_output_free(const std::filesystem::path& path);

/// What is known of the images, for the text chunks of PNG files.
struct OutputInfo {
  ImageText common;                      // same for all images: checkpoint, sampler, steps, ...
  std::optional<uint64_t> first_seed;    // image i has seed first_seed + i
  std::vector<int64_t> labels;           // empty for an unconditional model
  std::vector<std::string> class_names;  // empty: classes have numbers only
  int64_t columns = 1;                   // of a grid
  int64_t pictures = 1;                  // of each image, one after another
};

/// Takes generated images batch by batch and writes them. A folder gets its files as they come;
/// the other kinds are written by `finish`.
class OutputWriter {
 public:
  OutputWriter(std::filesystem::path path, OutputInfo info);
  /// `images` is [N, C, H, W] float32 in [-1, 1], the next N.
  void add(const torch::Tensor& images);
  void finish();

  /// Of images that it has got.
  int64_t count() const { return count_; }

 private:
  ImageText text_of(int64_t picture) const;

  std::filesystem::path path_;
  OutputKind kind_;
  OutputInfo info_;
  int64_t count_ = 0;
  std::vector<torch::Tensor> kept_;
};

}  // namespace ddpm
