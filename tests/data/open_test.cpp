#include "ddpm/data/open.h"

#include <gtest/gtest.h>

#include "ddpm/data/image_io.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

TEST(WithClassesAs, NumbersByNameOrByTheNumberThatANameIs) {
  const TempDir dir;
  const Image image{.height = 1, .width = 1, .channels = 1, .pixels = {7}};
  for (const char* name : {"ape/0.png", "2/1.png", "cow/2.png"})
    dir.write(name, encode_png(image));
  const auto dataset = open_images(dir.path(), {});
  EXPECT_EQ(dataset->info().class_names, (std::vector<std::string>{"2", "ape", "cow"}));
  const std::vector<std::string> names{"cow", "bee", "dog", "ape"};
  const auto renumbered = with_classes_as(dataset, names);
  EXPECT_EQ(renumbered->info().class_names, names);
  const std::vector<int64_t> numbers{2, 3, 0};
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(renumbered->label(static_cast<int64_t>(i)), numbers[i]);
  EXPECT_EQ(unknown_class(*dataset, names), "");
  EXPECT_EQ(unknown_class(*dataset, {"cow", "ape"}), "2");
  EXPECT_EQ(unknown_class(*dataset, {"cow", "bee", "dog"}), "ape");
}

TEST(OpenImages, RefusesWhatHoldsNone) {
  const TempDir dir;
  EXPECT_THROW(open_images(dir.path() / "none", {}), DataError);
  EXPECT_THROW(open_images(dir.write("a.txt", "x"), {}), DataError);
  EXPECT_THROW(open_images(dir.write("a.npz", "PK"), {}), DataError);
  EXPECT_THROW(open_images(dir.path(), {}), DataError);
}

TEST(OpenImages, ReadsAnArchive) {
  const TempDir dir;
  const NpyArray pixels{.dtype = "u1", .shape = {2, 4, 4, 3}, .bytes = std::string(96, '\7')};
  const auto file = dir.write("x.npz", format_npz({{"arr_0", pixels}}, true));
  const auto images = open_images(file, {});
  EXPECT_EQ(images->info().channels, 3);
  EXPECT_EQ(images->info().num_classes, 0);
  std::vector<uint8_t> chw(48);
  images->read(1, chw.data());
  EXPECT_EQ(chw, std::vector<uint8_t>(48, 7));
}

}  // namespace
}  // namespace ddpm
