#include "ddpm/checkpoint/weight_names.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// Counters of averages of weights, beside them.
bool is_counter(std::string_view name) {
  constexpr auto kCounters =
      std::to_array<std::string_view>({"n_averaged", "num_updates", "decay", "initted"});
  return std::ranges::find(kCounters, name) != kCounters.end();
}

/// A name without the words that wrappers put anywhere in it.
std::string unwrapped(const std::string& name) {
  auto words = split(name, '.');
  std::erase_if(words, [](const auto& word) { return word == "module" || word == "_orig_mod"; });
  return join(words, ".");
}

/// As much of the names as all of them share, whole words with the point behind the last; a word is
/// left of each.
std::string shared_prefix(const std::vector<std::string>& names) {
  if (names.size() < 2) return "";
  std::string shared = names.front().substr(0, names.front().rfind('.') + 1);
  for (const auto& name : names) {
    while (!name.starts_with(shared) || name.size() == shared.size())
      shared.resize(shared.size() < 2 ? 0 : shared.rfind('.', shared.size() - 2) + 1);
  }
  return shared;
}

/// Today's name of an attention parameter; others stay.
std::string modern_attention_name(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kRenamed{{
      {".query.", ".to_q."},
      {".key.", ".to_k."},
      {".value.", ".to_v."},
      {".proj_attn.", ".to_out.0."},
  }};
  for (const auto& [old_part, new_part] : kRenamed) {
    const auto place = name.find(old_part);
    if (place != name.npos && name.find(".attentions.") != name.npos)
      return std::string(name).replace(place, old_part.size(), new_part);
  }
  return name;
}

}  // namespace

std::map<std::string, std::string> modern_weight_names(const std::vector<std::string>& names) {
  std::map<std::string, std::string> modern;
  std::vector<std::string> plain;
  for (const auto& name : names) {
    const auto bare = unwrapped(name);
    if (is_counter(bare)) continue;
    modern[name] = bare;
    plain.push_back(bare);
  }
  const auto prefix = shared_prefix(plain).size();
  for (auto& [name, bare] : modern)
    bare = modern_attention_name(bare.substr(prefix));
  return modern;
}

}  // namespace ddpm
