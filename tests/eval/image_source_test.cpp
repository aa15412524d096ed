#include "ddpm/eval/image_source.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/data/image_io.h"
#include "ddpm/data/npy.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/training.h"

namespace ddpm {
namespace {

std::shared_ptr<const Dataset> noise_data(int64_t images) {
  return std::make_shared<NoiseDataset>(images);
}

TEST(DatasetImages, GiveImagesAndLabelsInOrder) {
  DatasetImages images(noise_data(10), "noise");
  const auto batch = images.read(4, 3);
  EXPECT_EQ(batch.images.sizes(), (std::vector<int64_t>{3, 1, 8, 8}));
  EXPECT_EQ(batch.labels, (std::vector<int64_t>{1, 2, 0}));
  EXPECT_TRUE(batch.images[1].equal(images.read(5, 1).images[0]));
}

TEST(DatasetImages, ARandomPartIsTheSameEveryTime) {
  DatasetImages a(noise_data(100), "noise", 20);
  DatasetImages b(noise_data(100), "noise", 20);
  EXPECT_EQ(a.info().images, 20);
  EXPECT_TRUE(a.read(0, 20).images.equal(b.read(0, 20).images));
  DatasetImages all(noise_data(100), "noise");
  EXPECT_FALSE(a.read(0, 20).images.equal(all.read(0, 20).images));
}

TEST(DatasetImages, IdentityIsThatOfTheContent) {
  DatasetImages a(noise_data(10), "one name");
  DatasetImages b(noise_data(10), "another");
  DatasetImages c(noise_data(11), "one name");
  EXPECT_EQ(a.identity(), b.identity());
  EXPECT_NE(a.identity(), c.identity());
}

TEST(NoiseImages, AreUniformAndDoNotDependOnTheBatch) {
  NoiseImages noise({.channels = 3, .height = 16, .width = 16}, 50);
  const auto all = noise.read(0, 50).images;
  EXPECT_TRUE(all.narrow(0, 7, 2).equal(noise.read(7, 2).images));
  const auto values = all.to(torch::kFloat64);
  EXPECT_NEAR(values.mean().item<double>(), 127.5, 1.0);
  EXPECT_NEAR(values.std().item<double>(), 73.9, 1.0);
  EXPECT_EQ(all.max().item<int>(), 255);
}

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
  EXPECT_EQ(DatasetImages(renumbered, "x").labels(), (std::vector<int64_t>{2, 3, 0}));
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
  DatasetImages images(open_images(file, {}), "x");
  EXPECT_EQ(images.info().channels, 3);
  EXPECT_TRUE(images.read(0, 2).images.eq(7).all().item<bool>());
  EXPECT_TRUE(images.read(0, 1).labels.empty());
}

}  // namespace
}  // namespace ddpm
