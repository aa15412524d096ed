#include "ddpm/checkpoint/json.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(Json, RefusesWhatTheParserItselfWouldAccept) {
  EXPECT_THROW(parse_json(R"({"a": 1, "a": 2})", "x"), CheckpointError);
  EXPECT_THROW(parse_json(R"({"b": {"a": 1, "a": 2}})", "x"), CheckpointError);
  EXPECT_THROW(parse_json(std::string(100, '[') + std::string(100, ']'), "x"), CheckpointError);
}

TEST(Json, SameKeyInDifferentObjectsIsFine) {
  EXPECT_EQ(parse_json(R"({"a": {"k": 1}, "b": {"k": 2}})", "x").at("b").at("k"), 2);
}

TEST(Json, SyntaxErrorsNameTheFile) {
  try {
    parse_json("{", "unet/config.json");
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("unet/config.json: not valid JSON"));
  }
}

TEST(Json, MoreValuesThanAnyConfigHasAreRefused) {
  std::string many = "[";
  for (int i = 0; i < 2'100'000; ++i)
    many += "0,";
  try {
    parse_json(many + "0]", "x");
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_STREQ(error.what(), "x: JSON holds too many values");
  }
}

// A parser that looks through a list again at the end of each of its entries would take hours.
TEST(Json, ManyEntriesAreReadInOnePass) {
  constexpr size_t kEntries = 300'000;
  std::string list = "[";
  std::string object = "{";
  for (size_t i = 0; i < kEntries; ++i) {
    list += "{},";
    object += '"' + std::to_string(i) + R"(": {"a": [{}]},)";
  }
  EXPECT_EQ(parse_json(list + "{}]", "x").size(), kEntries + 1);
  EXPECT_EQ(parse_json(object + R"("last": {}})", "x").size(), kEntries + 1);
}

TEST(Json, OrderedObjectsHaveFewerKeys) {
  const TempDir dir;
  std::string object = "{";
  for (int i = 0; i < 10'000; ++i)
    object += '"' + std::to_string(i) + R"(": 1,)";
  const auto file = dir.write("x.json", object + R"("last": 1})");
  expect_error<CheckpointError>([&] { load_ordered_json(file); }, "too many keys in one object");
  const auto small = load_ordered_json(dir.write("x.json", R"({"b": 1, "a": 2})"));
  EXPECT_EQ(small.begin().key(), "b");
}

TEST(Json, WhatIsShownIsUtf8WithoutControls) {
  const nlohmann::json value = {"caf\xE9", "\x7F", "\xC2\x9B", "\xC3\xA9"};
  const auto text = shown_json(value);
  EXPECT_EQ(text, "[\n  \"caf\xEF\xBF\xBD\",\n  \"\\u007f\",\n  \"\\u009b\",\n  \"\xC3\xA9\"\n]");
  EXPECT_EQ(parse_json(text, "x").at(2), value.at(2));
}

}  // namespace
}  // namespace ddpm
