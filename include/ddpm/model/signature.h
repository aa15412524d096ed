#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/config/config.h"

namespace ddpm {

/// The class that `word` names, as it is written, else in any case and with blanks, underscores or
/// hyphens between its parts, or numbers; nothing if there is no such class. `UserError` if it may
/// mean two.
std::optional<int64_t> find_class(const std::string& word, const Signature& signature);

/// Labels for `count` images: `classes` in turn; all classes in turn if that is empty; none for a
/// network without classes.
std::vector<int64_t> cycle_labels(const Signature& signature, const std::vector<int64_t>& classes,
                                  int64_t count);

/// `UserError` that says why, if the model cannot be guided as the options say: it has no classes,
/// was trained without label dropout, or does not know the negative class.
void check_guidance(const Signature& signature, const SampleConfig& options);

}  // namespace ddpm
