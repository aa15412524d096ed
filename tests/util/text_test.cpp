#include "ddpm/util/text.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace ddpm {
namespace {

TEST(Text, JoinPutsSeparatorBetweenWords) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "", "c"}), "a, , c");
  EXPECT_EQ(join({"a", "b"}, "|"), "a|b");
}

TEST(Text, SplitKeepsEmptyWords) {
  EXPECT_EQ(split("a,b", ','), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split(",a,", ','), (std::vector<std::string>{"", "a", ""}));
}

TEST(Text, SplitOfNothingIsNothing) {
  EXPECT_TRUE(split("", ',').empty());
}

TEST(Text, SplitUndoesJoin) {
  const std::vector<std::string> words = {"x", "", "yy", "z"};
  EXPECT_EQ(split(join(words, ";"), ';'), words);
}

TEST(Text, TrimTakesBlanksFromBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim("  "), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Text, NearestHasTheFewestEdits) {
  EXPECT_EQ(nearest("batchsize", {"steps", "batch_size", "lr"}), "batch_size");
  EXPECT_EQ(nearest("lr", {"lr", "l"}), "lr");
  EXPECT_EQ(nearest("x", {}), "");
}

TEST(Text, Utf8AcceptsWellFormedText) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("plain"));
  EXPECT_TRUE(is_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
}

TEST(Text, Utf8RefusesMalformedText) {
  for (const char* bytes : {"\xE9", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
                            "\xF4\x90\x80\x80", "\xFF\xFE", "\x80", "\xE2\x82", "\xC3\x28"}) {
    EXPECT_FALSE(is_utf8(bytes)) << bytes;
  }
}

TEST(Text, DurationGrowsWithItsUnits) {
  EXPECT_EQ(format_duration(47.2), "47 s");
  EXPECT_EQ(format_duration(725), "12:05");
  EXPECT_EQ(format_duration(3 * 3600 + 4 * 60 + 5), "3:04:05");
}

TEST(Text, DurationRoundsBeforeItChoosesUnits) {
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(3599.9), "1:00:00");
}

TEST(Text, DurationBearsOddNumbers) {
  EXPECT_EQ(format_duration(-3), "0 s");
  EXPECT_EQ(format_duration(std::nan("")), "?");
  EXPECT_FALSE(format_duration(std::numeric_limits<double>::infinity()).empty());
}

TEST(Text, BytesUsePowersOfAThousand) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(812), "812 B");
  EXPECT_EQ(format_bytes(3'400'000), "3.4 MB");
  EXPECT_EQ(format_bytes(1.2e9), "1.2 GB");
}

TEST(Text, BytesNeverReadAsAThousand) {
  EXPECT_EQ(format_bytes(999.7), "1.0 kB");
  EXPECT_EQ(format_bytes(999'960), "1.0 MB");
}

TEST(Text, NumbersAreShort) {
  EXPECT_EQ(format_number(0.0002), "0.0002");
  EXPECT_EQ(format_number(1e-8), "1e-08");
  EXPECT_EQ(format_number(50), "50");
  EXPECT_EQ(format_number(0), "0");
  EXPECT_EQ(format_number(1e12), "1000000000000");
  EXPECT_EQ(format_number(-0.1), "-0.1");
}

TEST(Text, NumbersReadBackBitForBit) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isfinite(value)) {
      EXPECT_EQ(std::strtod(format_number(value).c_str(), nullptr), value);
    }
  }
}

TEST(Text, PlainTextHasNoControlCharacters) {
  EXPECT_TRUE(is_plain_text("h\xC3\xA9ron, 3"));
  EXPECT_TRUE(is_plain_text(""));
  for (const std::string_view text : {"a\nb", "a\x1B[2J", "\x7F", "h\xE9ron", "\xC2\x9B\x32J"})
    EXPECT_FALSE(is_plain_text(text)) << text;
  EXPECT_FALSE(is_plain_text(std::string_view("a\0b", 3)));
}

TEST(Text, OneLineDrivesNoTerminal) {
  EXPECT_EQ(one_line("a\nb\x1B[2J"), "a?b?[2J");
  EXPECT_EQ(one_line("h\xC3\xA9ron"), "h\xC3\xA9ron");
  EXPECT_EQ(one_line("\xC2\x9B\x32J \xC2\xA0 \x9B\x32J h\xE9 \xE2\x82"), "?2J \xC2\xA0 ?2J h? ??");
  EXPECT_EQ(one_line(std::string(10'000, 'x')).size(), 2003U);
}

TEST(ParseDuration, AddsHoursMinutesAndSeconds) {
  EXPECT_EQ(parse_duration("90s"), 90.0);
  EXPECT_EQ(parse_duration("10m"), 600.0);
  EXPECT_EQ(parse_duration("1.5h"), 5400.0);
  EXPECT_EQ(parse_duration("1h30m"), 5400.0);
}

TEST(ParseDuration, RefusesWhatIsNoTime) {
  for (const char* text : {"", "soon", "10", "0s", "-1m", "1h-1m", "1e9h", "10 m", "nans"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Fields, AreShownAsFlags) {
  const auto flag = [](const std::string& field) { return "<" + field + ">"; };
  EXPECT_EQ(replace_fields("`out` a.png: `kid_subsets`", flag), "<out> a.png: <kid_subsets>");
  EXPECT_EQ(replace_fields(field_name("fid-infinity"), flag), "<fid_infinity>");
}

TEST(Fields, OtherBackquotesStay) {
  const auto flag = [](const std::string&) { return "X"; };
  for (const char* text : {"", "`", "``", "a`B c`d", "no `name here"})
    EXPECT_EQ(replace_fields(text, flag), text);
  EXPECT_EQ(replace_fields("a` `out`", flag), "a` X");
}

TEST(FormatFixed, GivesSoManyDigits) {
  EXPECT_EQ(format_fixed(12.5, 2), "12.50");
  EXPECT_EQ(format_fixed(-1.0 / 3, 3), "-0.333");
  EXPECT_EQ(format_fixed(0.5, 0), "0");
  EXPECT_EQ(format_fixed(1e308, 0).size(), 309U);
}

TEST(ZeroPadded, FillsUpToTheWidth) {
  EXPECT_EQ(zero_padded(42, 6), "000042");
  EXPECT_EQ(zero_padded(1234567, 6), "1234567");
  EXPECT_EQ(zero_padded(0, 2), "00");
}

TEST(SplitEscaped, LeavesSeparatorsBehindABackslash) {
  EXPECT_EQ(split_escaped("cat\\, small,dog", ','),
            (std::vector<std::string>{"cat, small", "dog"}));
  EXPECT_EQ(split_escaped("a,b", ','), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split_escaped("a\\,", ','), (std::vector<std::string>{"a,"}));
  EXPECT_TRUE(split_escaped("", ',').empty());
}

}  // namespace
}  // namespace ddpm
