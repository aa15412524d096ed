#include "ddpm/checkpoint/foreign_content.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/json.h"
#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(ForeignContent, IsToldByItsFirstBytes) {
  const std::pair<const char*, const char*> rows[] = {
      {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 143\n", "git lfs pull"},
      {"<!DOCTYPE html><html>", "web page"},
      {"\n  <HTML lang=en>", "web page"},
      {R"({"error":"Repository not found"})", "Repository not found"},
      {R"({"message": "Not Found", "status": 404})", "Not Found"},
      {"Entry not found", "failed download"},
      {"Access to model x/y is restricted.", "failed download"},
      {"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "failed download"},
      {"PK\x03\x04", "ddpm convert"},
      {"\x80\x02}q", "ddpm convert"}};
  for (const auto& [begin, told] : rows)
    EXPECT_NE(foreign_content(begin).find(told), std::string::npos) << begin;
  for (const char* begin : {"", "{}", R"({"_class_name": "UNet2DModel"})", "[1, 2]", "\x10"})
    EXPECT_EQ(foreign_content(begin), "") << begin;
}

TEST(ForeignContent, IsRefusedByWhoReadsWeightsAndConfigs) {
  const TempDir dir;
  for (const char* text : {"version https://git-lfs.github.com/spec/v1\n", "<html></html>",
                           R"({"error": "x"})", "Entry not found"}) {
    const auto weights = dir.write("w.safetensors", text);
    expect_error<CheckpointError>([&] { load_safetensors_header(weights); },
                                  "in place of the file");
    const auto config = dir.write("config.json", text);
    expect_error<CheckpointError>([&] { load_json(config); }, "in place of the file");
  }
}

TEST(ForeignContent, DrivesNoTerminal) {
  EXPECT_EQ(foreign_content("404 \x1b[2J").find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace ddpm
