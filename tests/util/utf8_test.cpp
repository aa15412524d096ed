#include "ddpm/util/utf8.h"

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(Utf8, CharactersAreWholeOrNone) {
  EXPECT_EQ(first_character("ab"), "a");
  EXPECT_EQ(first_character("\xC3\xA9x"), "\xC3\xA9");
  for (const char* broken : {"\xC3", "\x9B", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80"})
    EXPECT_EQ(first_character(broken), "") << broken;
}

TEST(Utf8, OnlyControlsAreReplaced) {
  const auto code = [](unsigned char control) { return "<" + std::to_string(control) + ">"; };
  EXPECT_EQ(replace_controls("a\n\x7F\xC2\x9B\xC2\xA0\xC3\x9B\x9B\xC2", code),
            "a<10><127><155>\xC2\xA0\xC3\x9B\x9B\xC2");
  EXPECT_EQ(replace_controls("", code), "");
}

}  // namespace
}  // namespace ddpm
