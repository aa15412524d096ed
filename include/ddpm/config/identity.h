#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "ddpm/config/config.h"

namespace ddpm {

/// Raised when what a setting's value means changes, or a default does: identities of before then
/// mean nothing any more.
inline constexpr int kIdentityVersion = 1;

/// The identity of some sections of `config`, for the keys of caches and of kept results: a line
/// `key=value` for each setting of these sections that differs from its default and that numbers
/// or images can depend on, sorted by key. A setting that is added to the program later, and one of
/// any other section, moves no identity.
///
/// Left out are settings of bookkeeping (how often to log, save, draw and evaluate, how many
/// threads and how much memory to use) and the place of data, which are known by their content.
/// `config.sample.grid_ends`, which is no setting, belongs to the section sample.
std::string identity_of(const Config& config, std::initializer_list<std::string_view> sections);

/// Whether numbers or images can depend on the setting `key` ("train.lr"): false for bookkeeping.
bool is_part_of_identity(std::string_view key);

}  // namespace ddpm
