#include "ddpm/model/signature.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "ddpm/util/error.h"
#include "ddpm/util/number.h"

namespace ddpm {
namespace {

/// "Ankle boot" as "ankle-boot".
std::string class_word(std::string word) {
  for (char& c : word) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (c == ' ' || c == '_') c = '-';
  }
  return word;
}

}  // namespace

std::optional<int64_t> find_class(const std::string& word, const Signature& signature) {
  const auto& names = signature.class_names;
  const auto exact = std::ranges::find(names, word);
  if (exact != names.end()) return exact - names.begin();
  const auto named = std::ranges::find(names, class_word(word), class_word);
  if (named != names.end()) {
    const auto other = std::find_if(named + 1, names.end(), [&](const std::string& name) {
      return class_word(name) == class_word(word);
    });
    if (other == names.end()) return named - names.begin();
    throw UserError("`class` '", word, "' may mean '", *named, "' or '", *other,
                    "'; write it as the one or the other");
  }
  const auto number = parse_number<int64_t>(word);
  return number && *number >= 0 && *number < signature.classes ? number : std::nullopt;
}

std::vector<int64_t> cycle_labels(const Signature& signature, const std::vector<int64_t>& classes,
                                  int64_t count) {
  if (signature.classes == 0) return {};
  std::vector<int64_t> all(static_cast<size_t>(signature.classes));
  std::iota(all.begin(), all.end(), int64_t{0});
  const auto& cycle = classes.empty() ? all : classes;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < count; ++i)
    labels.push_back(cycle[static_cast<size_t>(i) % cycle.size()]);
  return labels;
}

void check_guidance(const Signature& signature, const SampleConfig& options) {
  const double guidance = options.guidance;
  if (options.negative_class && *options.negative_class >= signature.classes)
    throw UserError("sample.negative_class ", *options.negative_class, ": the model has ",
                    signature.classes, " classes, numbered from 0");
  if (guidance == 1.0 || signature.null_label || options.negative_class) return;
  if (signature.classes == 0) {
    throw UserError("sample.guidance ", guidance,
                    ": the model has no classes, so there is nothing to guide towards; expected "
                    "--sample.guidance 1");
  }
  throw UserError("sample.guidance ", guidance,
                  ": the model was trained without label dropout (train.label_dropout 0) and knows "
                  "no 'no class'; expected --sample.guidance 1, or a --negative-class");
}

}  // namespace ddpm
