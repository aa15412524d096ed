#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "support/data_files.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

fs::path image_folder() {
  return fs::path(DDPM_TEST_DATA) / "images";
}

// What Pillow shows of a file of tests/data/images (tests/reference/make_image_files.py).
Image seen(const std::string& name) {
  const fs::path grey = image_folder() / "seen" / (name + ".pgm");
  return load_image(fs::exists(grey) ? grey : image_folder() / "seen" / (name + ".ppm"));
}

int64_t largest_difference(const Image& a, const Image& b) {
  int64_t most = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    most = std::max<int64_t>(most, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return most;
}

class ImageFiles : public testing::TestWithParam<std::string> {};

TEST_P(ImageFiles, AreReadAsPillowShowsThem) {
  const std::string& name = GetParam();
  const Image image = load_image(image_folder() / name);
  const Image wanted = seen(name);
  ASSERT_EQ(image.height, wanted.height);
  ASSERT_EQ(image.width, wanted.width);
  ASSERT_EQ(image.channels, wanted.channels);
  EXPECT_LE(largest_difference(image, wanted), 1);
}

TEST_P(ImageFiles, AreProbedAsTheyAreRead) {
  const fs::path path = image_folder() / GetParam();
  const Image image = load_image(path);
  const ImageSize size{image.height, image.width, image.channels};
  EXPECT_EQ(probe_image_file(path), size);
}

std::set<std::string> names_of_images() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(image_folder())) {
    if (entry.is_regular_file()) names.insert(entry.path().filename().string());
  }
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, ImageFiles, testing::ValuesIn(names_of_images()), test_name);

TEST(ImageFiles16, AreTold) {
  for (const char* name : {"grey-16.png", "rgb-16.png", "grey-16.tif", "grey-12.pgm"}) {
    EXPECT_EQ(load_image(image_folder() / name).stored_bits, 16) << name;
    EXPECT_EQ(load_image(image_folder() / name, 1).stored_bits, 16) << name;
  }
  for (const char* name : {"alpha.png", "grey.tif", "grey.pgm", "grey.jpg"}) {
    EXPECT_EQ(load_image(image_folder() / name).stored_bits, 8) << name;
  }
}

}  // namespace
}  // namespace ddpm
