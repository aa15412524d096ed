#include "ddpm/data/npz_keys.h"

#include <algorithm>
#include <array>

#include "ddpm/data/split_names.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

enum class ArrayRole { kNone, kImages, kLabels };

// The most usual words come first.
constexpr auto kImageWords = std::to_array<std::string_view>(
    {"arr_0", "images", "image", "imgs", "img", "x", "data", "samples"});
constexpr auto kLabelWords = std::to_array<std::string_view>(
    {"arr_1", "labels", "label", "y", "targets", "target", "classes"});

struct KeyMeaning {
  ArrayRole role = ArrayRole::kNone;
  std::string_view split;  // "" if the key tells none
  int64_t rank = 0;        // lower: more usual
};

template <size_t kCount>
int64_t place_in(const std::array<std::string_view, kCount>& words, std::string_view word) {
  const auto* const found = std::ranges::find(words, word);
  return found == words.end() ? -1 : found - words.begin();
}

KeyMeaning meaning_of_word(std::string_view word, std::string_view split) {
  if (const auto rank = place_in(kImageWords, word); rank >= 0)
    return {ArrayRole::kImages, split, rank};
  if (const auto rank = place_in(kLabelWords, word); rank >= 0)
    return {ArrayRole::kLabels, split, rank};
  return {};
}

KeyMeaning meaning_of(const std::string& key) {
  const std::string word = lower_case(key);
  if (const auto split = split_of_name(word); !split.empty())
    return {ArrayRole::kImages, split, static_cast<int64_t>(kImageWords.size())};
  const auto alone = meaning_of_word(word, "");
  const size_t mark = word.find('_');
  if (alone.role != ArrayRole::kNone || mark == std::string::npos) return alone;
  const auto before = std::string_view(word).substr(0, mark);
  const auto behind = std::string_view(word).substr(mark + 1);
  if (const auto split = split_of_name(before); !split.empty())
    return meaning_of_word(behind, split);
  if (const auto split = split_of_name(behind); !split.empty())
    return meaning_of_word(before, split);
  return {};
}

std::string best_key(const std::vector<std::string>& keys, ArrayRole role, std::string_view split) {
  std::string best;
  int64_t best_rank = 0;
  for (const auto& key : keys) {
    const auto meaning = meaning_of(key);
    if (meaning.role != role || meaning.split != split) continue;
    if (!best.empty() && meaning.rank >= best_rank) continue;
    best = key;
    best_rank = meaning.rank;
  }
  return best;
}

}  // namespace

NpzKeys find_npz_keys(const std::vector<std::string>& keys, std::string_view split) {
  const bool has_splits = std::ranges::any_of(keys, [](const std::string& key) {
    const auto meaning = meaning_of(key);
    return meaning.role == ArrayRole::kImages && !meaning.split.empty();
  });
  if (!has_splits && split != "train") return {};
  const std::string_view told = has_splits ? split : "";
  NpzKeys found{best_key(keys, ArrayRole::kImages, told), ""};
  if (!found.images.empty()) found.labels = best_key(keys, ArrayRole::kLabels, told);
  return found;
}

bool has_image_keys(const std::vector<std::string>& keys) {
  return std::ranges::any_of(
      keys, [](const std::string& key) { return meaning_of(key).role == ArrayRole::kImages; });
}

std::string_view expected_npz_keys() {
  return "arr_0, images, x or data (with labels in arr_1, labels or y), or such of splits: "
         "train_images, x_train";
}

}  // namespace ddpm
