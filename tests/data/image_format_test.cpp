#include "ddpm/data/image_format.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ddpm
