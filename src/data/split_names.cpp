#include "ddpm/data/split_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "ddpm/util/text.h"

namespace ddpm {
namespace {

struct SplitName {
  std::string_view name;  // in small letters, without blanks and marks
  std::string_view split;
};

// The most usual words of a split come first.
constexpr auto kSplitNames = std::to_array<SplitName>({
    {"train", "train"},  {"training", "train"},  {"trainset", "train"},    {"trainingset", "train"},
    {"trn", "train"},    {"val", "val"},         {"validation", "val"},    {"valid", "val"},
    {"dev", "val"},      {"development", "val"}, {"validate", "val"},      {"validating", "val"},
    {"valset", "val"},   {"validset", "val"},    {"validationset", "val"}, {"devset", "val"},
    {"eval", "val"},     {"evaluation", "val"},  {"evalset", "val"},       {"test", "test"},
    {"testing", "test"}, {"testset", "test"},    {"testingset", "test"},   {"tst", "test"},
    {"holdout", "test"}, {"heldout", "test"},    {"holdoutset", "test"},
});

std::string plain_word(std::string_view name) {
  std::string word = lower_case(name);
  std::erase_if(word, [](char c) { return c == '_' || c == '-' || c == ' '; });
  constexpr size_t kYear = 4;  // train2017
  const size_t letters = word.find_last_not_of("0123456789") + 1;
  if (word.size() - letters == kYear) word.resize(letters);
  return word;
}

const SplitName* find_split_name(std::string_view name) {
  const auto* const row = std::ranges::find(kSplitNames, plain_word(name), &SplitName::name);
  return row == kSplitNames.end() ? nullptr : row;
}

}  // namespace

std::string_view split_of_name(std::string_view name) {
  const auto* const row = find_split_name(name);
  return row == nullptr ? std::string_view() : row->split;
}

bool is_more_usual(std::string_view name, std::string_view other) {
  const auto* const row = find_split_name(name);
  const auto* const beside = find_split_name(other);
  return row != nullptr && beside != nullptr && row->split == beside->split && row < beside;
}

}  // namespace ddpm
