#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"
#include "ddpm/sample/generator.h"
#include "ddpm/util/stop.h"

namespace ddpm {

/// Some images of 8 bits, uint8 [N, C, H, W] on the CPU, and their classes; no labels if the source
/// has none.
struct SourceBatch {
  torch::Tensor images;
  std::vector<int64_t> labels;
};

/// What a set of images is.
struct SourceInfo {
  std::string name = {};  // for people: "fashion-mnist test", "runs/a/checkpoints/step-000500"
  int64_t images = 0;
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t num_classes = 0;  // 0: no labels
  std::vector<std::string> class_names = {};
};

/// A set of images, addressed by number, of which a part at a time is in memory.
class ImageSource {
 public:
  virtual ~ImageSource() = default;

  const SourceInfo& info() const { return info_; }

  /// Images first ... first+count-1. `StopRequested` if making them takes long and someone asked
  /// for a stop.
  virtual SourceBatch read(int64_t first, int64_t count) = 0;

  /// The class of every image, without reading any; empty if there are no classes.
  virtual std::vector<int64_t> labels() const { return {}; }

  /// A text that two sources share only if their images are the same: for caches.
  virtual std::string identity() = 0;

 protected:
  explicit ImageSource(SourceInfo info) : info_(std::move(info)) {}

 private:
  SourceInfo info_;
};

/// Images of a dataset, the identity a hash of their pixels and labels.
class DatasetImages : public ImageSource {
 public:
  /// All of them, or with `count` below their number a random part that is the same every time.
  DatasetImages(std::shared_ptr<const Dataset> dataset, const std::string& name,
                int64_t count = INT64_MAX);

  SourceBatch read(int64_t first, int64_t count) override;
  std::vector<int64_t> labels() const override;
  std::string identity() override;

 private:
  std::shared_ptr<const Dataset> dataset_;
  std::vector<int64_t> chosen_;  // numbers within the dataset, rising
  std::string identity_;
};

/// Images that a model draws, image i from seed + i, rounded to 8 bits as files would be.
class GeneratedImages : public ImageSource {
 public:
  /// `labels`: one an image, or none. `identity` must tell model and settings.
  GeneratedImages(std::shared_ptr<Generator> generator, SourceInfo info, uint64_t seed,
                  std::vector<int64_t> labels, std::string identity);

  SourceBatch read(int64_t first, int64_t count) override;
  std::vector<int64_t> labels() const override { return labels_; }
  std::string identity() override { return identity_; }

 private:
  std::shared_ptr<Generator> generator_;
  uint64_t seed_;
  std::vector<int64_t> labels_;
  std::string identity_;
};

/// Images of uniform noise, of the shape of `like`: the far end of any distance.
class NoiseImages : public ImageSource {
 public:
  NoiseImages(const SourceInfo& like, int64_t count);

  SourceBatch read(int64_t first, int64_t count) override;
  std::string identity() override;
};

}  // namespace ddpm
