#include "ddpm/data/image_format.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

TEST(ImageEnding, IsFoundInAnyCase) {
  for (const char* name : {"a.png", "b.JPG", "c.Jpeg", "d.jfif", "folder.x/e.BMP", "f.tar.jpe"}) {
    EXPECT_TRUE(is_read_image(name)) << name;
  }
}

TEST(ImageEnding, NamesImagesThatAreNotRead) {
  for (const auto& [name, format] :
       {std::pair("a.avif", "AVIF"), {"b.HEIC", "HEIC"}, {"c.svg", "SVG"}, {"d.jxl", "JPEG XL"}}) {
    EXPECT_FALSE(is_read_image(name)) << name;
    ASSERT_TRUE(image_ending(name)) << name;
    EXPECT_EQ(image_ending(name)->format, format);
  }
}

TEST(ImageEnding, OtherFilesHaveNone) {
  for (const char* name : {"notes.txt", "png", ".png", "a.png.part", "a.", ""}) {
    EXPECT_FALSE(image_ending(name)) << name;
  }
}

TEST(ImageEnding, AreListedForMessages) {
  EXPECT_TRUE(read_image_endings().starts_with(".png, .jpg, "));
  EXPECT_NE(read_image_endings().find(" or ."), std::string::npos);
}

TEST(ImageFormat, ImagesThatAreNotReadAreNamedWithTheRemedy) {
  using namespace std::string_literals;
  for (const auto& [bytes, name] :
       {std::pair("\0\0\0\x1C"
                  "ftypavif"s,
                  "AVIF"),
        {"\0\0\0\x18"
         "ftypheic"s,
         "HEIC"},
        {"\xFF\x0A..."s, "JPEG XL"},
        {"8BPS\0\1"s, "Photoshop's format"},
        {"<svg xmlns="s, "SVG or other XML"},
        {"<!DOCTYPE html>"s, "a web page"},
        {"version https://git-lfs.github.com/spec/v1"s, "a pointer of Git LFS"}}) {
    const auto error = error_of<DataError>([&] { image_format(bytes, "x.jpg"); });
    EXPECT_EQ(error, "x.jpg: "s + name + " is not read; save it as PNG, JPEG or WebP");
  }
}

}  // namespace
}  // namespace ddpm
