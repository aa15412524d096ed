#include "ddpm/checkpoint/json.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"

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
  for (int i = 0; i < 1'100'000; ++i)
    many += "[],";
  try {
    parse_json(many + "0]", "x");
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_STREQ(error.what(), "x: JSON holds too many values");
  }
}

}  // namespace
}  // namespace ddpm
