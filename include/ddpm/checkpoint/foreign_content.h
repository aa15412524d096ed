#pragma once

#include <string>
#include <string_view>

namespace ddpm {

/// What stands in a file in place of what its name says, told by its first bytes, with what to do:
/// a Git LFS pointer, a web page, a download's message of an error, a file of `torch.save`. Empty
/// if it is none of these. `begin` may be the whole file.
std::string foreign_content(std::string_view begin);

/// As many first bytes of a file as `foreign_content` looks at.
inline constexpr size_t kForeignContentBytes = 512;

}  // namespace ddpm
