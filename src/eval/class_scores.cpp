#include "ddpm/eval/class_scores.h"

#include <functional>
#include <limits>
#include <set>

#include <torch/types.h>

#include "ddpm/eval/feature_statistics.h"
#include "ddpm/eval/frechet.h"
#include "ddpm/eval/ms_ssim.h"
#include "ddpm/eval/neighbours.h"
#include "ddpm/util/error.h"
#include "ddpm/util/random.h"

namespace ddpm {
namespace {

torch::Tensor rows_of_class(const torch::Tensor& labels, int64_t label) {
  return (labels == label).nonzero().flatten();
}

void check_two(const char* side, int64_t label, int64_t count) {
  if (count >= 2) return;
  throw DataError("class ", label, ": expected at least 2 ", side, " images, got ", count);
}

/// Scores each class that `labels` has; `score` gets its rows and fills the value.
std::vector<ClassScore> score_classes(
    const torch::Tensor& labels,
    const std::function<void(ClassScore&, const torch::Tensor& rows)>& score) {
  std::vector<ClassScore> scores;
  const auto classes = std::get<0>(torch::_unique(labels.cpu(), /*sorted=*/true));
  for (int64_t i = 0; i < classes.size(0); ++i) {
    ClassScore result;
    result.label = classes[i].item<int64_t>();
    const auto rows = rows_of_class(labels, result.label);
    result.images = rows.size(0);
    check_two("generated", result.label, result.images);
    score(result, rows);
    scores.push_back(result);
  }
  return scores;
}

double mean_pair_distance(const torch::Tensor& features) {
  double sum = 0.0;
  visit_squared_distances(features, features, [&](int64_t first, const torch::Tensor& d2) {
    d2.diagonal(first).fill_(0.0);
    sum += d2.sqrt().sum(torch::kFloat64).item<double>();
  });
  const auto count = static_cast<double>(features.size(0));
  return sum / (count * (count - 1.0));
}

/// The numbers of two different images of a class for each pair, [pairs] each; `rows` are those of
/// the class.
struct ImagePairs {
  torch::Tensor first;
  torch::Tensor second;
};

ImagePairs draw_pairs(const ClassScore& score, const torch::Tensor& rows,
                      const PairOptions& options) {
  auto first = torch::empty({options.pairs}, torch::kInt64);
  auto second = torch::empty({options.pairs}, torch::kInt64);
  for (int64_t pair = 0; pair < options.pairs; ++pair) {
    const auto index = static_cast<uint64_t>(score.label) << 32 | static_cast<uint64_t>(2 * pair);
    const RandomKey key{options.seed, RandomPurpose::kEvaluationSubset, index};
    const RandomKey next{options.seed, RandomPurpose::kEvaluationSubset, index + 1};
    const int64_t one = random_below(key, score.images);
    first[pair] = one;
    second[pair] = (one + 1 + random_below(next, score.images - 1)) % score.images;
  }
  return {rows.index_select(0, first), rows.index_select(0, second)};
}

}  // namespace

double mean_score(const std::vector<ClassScore>& scores) {
  if (scores.empty()) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0.0;
  for (const auto& score : scores)
    sum += score.value;
  return sum / static_cast<double>(scores.size());
}

double class_agreement(const torch::Tensor& logits, const torch::Tensor& labels) {
  const auto wanted = labels.to(logits.device());
  const bool known = ((wanted >= 0) & (wanted < logits.size(1))).all().item<bool>();
  if (!known || labels.size(0) == 0) {
    throw DataError("class agreement: expected labels from 0 to ", logits.size(1) - 1, ", got ",
                    known ? "none" : "others");
  }
  return (logits.argmax(1) == wanted).to(torch::kFloat64).mean().item<double>();
}

std::vector<ClassScore> class_frechet_distances(const torch::Tensor& features,
                                                const torch::Tensor& labels,
                                                const torch::Tensor& reference,
                                                const torch::Tensor& reference_labels) {
  return score_classes(labels, [&](ClassScore& score, const torch::Tensor& rows) {
    const auto others = rows_of_class(reference_labels, score.label);
    score.references = others.size(0);
    check_two("reference", score.label, score.references);
    score.value = frechet_distance(feature_statistics(reference.index_select(0, others)),
                                   feature_statistics(features.index_select(0, rows)));
  });
}

std::vector<ClassScore> class_feature_distances(const torch::Tensor& features,
                                                const torch::Tensor& labels) {
  return score_classes(labels, [&](ClassScore& score, const torch::Tensor& rows) {
    score.value = mean_pair_distance(features.index_select(0, rows));
  });
}

std::vector<int64_t> ms_ssim_images(const torch::Tensor& labels, const PairOptions& options) {
  std::set<int64_t> numbers;
  score_classes(labels, [&](ClassScore& score, const torch::Tensor& rows) {
    const auto pairs = draw_pairs(score, rows, options);
    for (const auto& side : {pairs.first, pairs.second})
      numbers.insert(side.const_data_ptr<int64_t>(), side.const_data_ptr<int64_t>() + side.numel());
  });
  return {numbers.begin(), numbers.end()};
}

std::vector<ClassScore> class_ms_ssim(const torch::Tensor& images, const torch::Tensor& labels,
                                      const PairOptions& options) {
  const auto numbers = torch::tensor(ms_ssim_images(labels, options), torch::kInt64);
  return score_classes(labels, [&](ClassScore& score, const torch::Tensor& rows) {
    const auto pairs = draw_pairs(score, rows, options);
    const auto pick = [&](const torch::Tensor& side) {
      return images.index_select(0, torch::searchsorted(numbers, side));
    };
    score.value =
        ms_ssim(pick(pairs.first), pick(pairs.second), options.scales).mean().item<double>();
  });
}

}  // namespace ddpm
