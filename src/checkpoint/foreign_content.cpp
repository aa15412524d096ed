#include "ddpm/checkpoint/foreign_content.h"

#include <algorithm>
#include <cctype>

#include "ddpm/util/text.h"

namespace ddpm {
namespace {

/// The text in small letters, without blanks before it.
std::string small_letters(std::string_view text) {
  std::string small(text.substr(std::min(text.size(), text.find_first_not_of(" \t\r\n"))));
  std::ranges::transform(small, small.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return small;
}

bool is_error_json(const std::string& text) {
  return text.starts_with("{\"error") || text.starts_with("{\"message") ||
         text.starts_with("{\"detail");
}

/// What servers write of a file that they do not give.
bool is_error_text(const std::string& text) {
  return text.starts_with("entry not found") || text.starts_with("not found") ||
         text.starts_with("repository not found") || text.starts_with("404") ||
         text.starts_with("access to model") || text.starts_with("invalid username") ||
         text.starts_with("unauthorized") || text.starts_with("forbidden") ||
         text.starts_with("access denied") || text.starts_with("<?xml");
}

}  // namespace

std::string foreign_content(std::string_view begin) {
  constexpr size_t kMostShown = 60;
  begin = begin.substr(0, kForeignContentBytes);
  if (begin.starts_with("version https://git-lfs") || begin.starts_with("version https://hawser"))
    return "a Git LFS pointer in place of the file; fetch the file with 'git lfs pull'";
  if (begin.starts_with("PK\x03\x04") || begin.starts_with("\x80\x02"))
    return "a file of torch.save, a pickle; 'ddpm convert' makes a checkpoint of it";
  const auto text = small_letters(begin);
  if (text.starts_with("<!doctype") || text.starts_with("<html") || text.starts_with("<head"))
    return "a web page in place of the file, as a login or an error gives it; fetch the file again";
  if (!is_error_json(text) && !is_error_text(text)) return "";
  return "a message in place of the file ('" + without_controls(begin.substr(0, kMostShown)) +
         "'), as a failed download leaves it; fetch the file again";
}

}  // namespace ddpm
