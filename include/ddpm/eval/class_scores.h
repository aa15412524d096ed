#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace ddpm {

/// A number for one class, and from how many images it is.
struct ClassScore {
  int64_t label = 0;
  int64_t images = 0;      // generated ones
  int64_t references = 0;  // 0 where there is no reference
  double value = 0.0;
};

/// Mean of the values; NaN if there are none.
double mean_score(const std::vector<ClassScore>& scores);

/// The share of images that the classifier assigns to the class asked for, from logits [N, K] and
/// labels [N]. `DataError` for a label that the classifier does not know.
double class_agreement(const torch::Tensor& logits, const torch::Tensor& labels);

/// The Frechet distance within each class of `labels`, one class after another, from features
/// [N, D] and [M, D] with labels [N] and [M]. `DataError` if a class has fewer than two images on a
/// side.
std::vector<ClassScore> class_frechet_distances(const torch::Tensor& features,
                                                const torch::Tensor& labels,
                                                const torch::Tensor& reference,
                                                const torch::Tensor& reference_labels);

/// Diversity within each class: the mean Euclidean distance of all pairs of different images, from
/// features [N, D] with labels [N]. `DataError` if a class has fewer than two images.
std::vector<ClassScore> class_feature_distances(const torch::Tensor& features,
                                                const torch::Tensor& labels);

struct PairOptions {
  int64_t pairs = 100;  // a class
  int64_t scales = 2;
  uint64_t seed = 0;
};

/// Numbers of the images of which `class_ms_ssim` makes pairs, rising. `DataError` if a class of
/// `labels` [N] has fewer than two images.
std::vector<int64_t> ms_ssim_images(const torch::Tensor& labels, const PairOptions& options);

/// Likeness within each class: mean MS-SSIM of random pairs of different images (Odena et al.,
/// "Conditional image synthesis with auxiliary classifier GANs", 2017), from labels [N] of all
/// images and the 8-bit images [M, C, H, W] that `ms_ssim_images` names; higher is less diverse.
/// `DataError` as `ms_ssim`, or if a class has fewer than two images.
std::vector<ClassScore> class_ms_ssim(const torch::Tensor& images, const torch::Tensor& labels,
                                      const PairOptions& options);

}  // namespace ddpm
