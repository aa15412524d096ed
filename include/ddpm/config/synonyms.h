#pragma once

#include <string>
#include <string_view>

namespace ddpm {

/// What people call a setting elsewhere.
struct Synonym {
  std::string_view word;
  std::string_view key;        // of the setting that is meant
  std::string_view note = {};  // what is different about it
};

/// The row for `word`, a name with or without a section, with `-` or `_`; null if there is none.
const Synonym* find_synonym(std::string_view word);

/// The field of a request that is called `word` elsewhere, where no setting has that name:
/// "checkpoint" for "ckpt". Empty if there is none.
std::string_view field_synonym(std::string_view word);

/// The section that is called `word` elsewhere; empty if there is none.
std::string_view section_synonym(std::string_view word);

/// The word here for what is called `word` elsewhere, as a value of the setting `key`: "cosine" as
/// a diffusion.beta_schedule is squaredcos_cap_v2. `word` itself if there is none.
std::string value_synonym(std::string_view key, const std::string& word);

/// "it is called train.lr here", with the note.
std::string describe(const Synonym& synonym);

}  // namespace ddpm
