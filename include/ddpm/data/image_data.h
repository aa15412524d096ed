#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ddpm/data/augment.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/training_data.h"

namespace ddpm {

struct ImageDataOptions {
  bool flip = false;            // mirror half of the images, left to right, and tell no network
  uint64_t seed = 0;            // of the draws that say which
  AugmentOptions augment = {};  // what else is done to them, which networks are told
};

/// The images of a dataset as training data.
class ImageData : public TrainingData {
 public:
  explicit ImageData(std::shared_ptr<const Dataset> dataset, const ImageDataOptions& options = {});

  int64_t size() const override { return dataset_->info().images; }
  std::string fingerprint() const override { return dataset_->info().fingerprint; }
  int64_t skipped() const override { return dataset_->skipped(); }
  int64_t label(int64_t index) const override { return dataset_->label(index); }
  void fill(int64_t index, int64_t place, float* values) const override;
  int64_t augment_labels() const override;
  void fill_augment_labels(int64_t place, float* labels) const override;

 private:
  std::shared_ptr<const Dataset> dataset_;
  ImageDataOptions options_;
};

/// The images of `dataset` as the run of `config` trains on them.
ImageData training_images(std::shared_ptr<const Dataset> dataset, const Config& config);

}  // namespace ddpm
