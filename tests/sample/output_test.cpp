#include "ddpm/sample/output.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "ddpm/data/image_tensors.h"
#include "ddpm/data/npy.h"
#include "ddpm/sample/images.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

OutputInfo info() {
  return {.common = {{"sampler", "ddim"}},
          .first_seed = 5,
          .labels = {0, 1, 0},
          .class_names = {"cat", "dog"},
          .columns = 2};
}

void write(const std::filesystem::path& path) {
  OutputWriter writer(path, info());
  writer.add(torch::full({2, 1, 4, 6}, -1.0));
  writer.add(torch::full({1, 1, 4, 6}, 1.0));
  writer.finish();
}

TEST(ToUint8, RoundsAndClamps) {
  const auto x = torch::tensor({-2.0, -1.0, -0.999, 0.0, 1.0, 3.0}).view({1, 1, 1, 6});
  const auto bytes = to_uint8(x).flatten().to(torch::kInt64);
  EXPECT_TRUE(torch::equal(bytes, torch::tensor({0, 0, 0, 128, 255, 255})));
}

TEST(Output, FolderHoldsOnePngAnImageWithItsText) {
  const TempDir dir;
  write(dir.path() / "out");
  const auto image = load_image(dir.path() / "out/000002.png");
  EXPECT_EQ(image.height, 4);
  EXPECT_EQ(image.pixels.at(0), 255);
  const auto text = png_text(read_file(dir.path() / "out/000001.png"));
  EXPECT_EQ(text, (ImageText{{"sampler", "ddim"}, {"seed", "6"}, {"class", "dog"}}));
}

TEST(Output, GridHoldsAllImages) {
  const TempDir dir;
  write(dir.path() / "grid.png");
  const auto grid = load_image(dir.path() / "grid.png");
  EXPECT_GE(grid.width, 12);
  EXPECT_GE(grid.height, 8);
}

TEST(Output, NpzIsThatOfGuidedDiffusion) {
  const TempDir dir;
  write(dir.path() / "x.npz");
  const auto arrays = load_npz(dir.path() / "x.npz");
  EXPECT_EQ(arrays.at("arr_0").dtype, "u1");
  EXPECT_EQ(arrays.at("arr_0").shape, (std::vector<int64_t>{3, 4, 6, 1}));
  EXPECT_EQ(arrays.at("arr_1").shape, (std::vector<int64_t>{3}));
}

TEST(Output, NpyIsNotRounded) {
  const TempDir dir;
  OutputWriter writer(dir.path() / "x.npy", info());
  writer.add(torch::full({1, 1, 2, 2}, 0.123F));
  writer.finish();
  const auto array = parse_npy(read_file(dir.path() / "x.npy"), "x");
  EXPECT_EQ(array.dtype, "f4");
  EXPECT_EQ(*reinterpret_cast<const float*>(array.bytes.data()), 0.123F);
}

TEST(Output, NeverReplacesWhatIsThere) {
  const TempDir dir;
  const auto file = dir.write("a.png", "mine");
  EXPECT_THROW(check_output_free(file), UserError);
  EXPECT_THROW(check_output_free(dir.path()), UserError);
  EXPECT_THROW(output_kind("a.jpg"), UserError);
  check_output_free(dir.path() / "new.png");
}

TEST(GridColumns, OneForEachClassOrAboutASquare) {
  EXPECT_EQ(grid_columns(80, 10), 10);
  EXPECT_EQ(grid_columns(64, 0), 8);
  EXPECT_EQ(grid_columns(5, 10), 3);
  EXPECT_EQ(grid_columns(64, 1000), 8);
}

TEST(OutputKind, EndingsMayBeLargeAndOthersAreNamed) {
  EXPECT_EQ(output_kind("a.PNG"), OutputKind::kGrid);
  EXPECT_EQ(output_kind("a.Npz"), OutputKind::kNpz);
  for (const char* name : {"a.jpg", "a.JPEG", "-", "a.webp"})
    expect_error<UserError>([&] { output_kind(name); }, "expected NAME.png");
}

}  // namespace
}  // namespace ddpm
