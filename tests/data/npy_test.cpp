#include "ddpm/data/npy.h"

#include <gtest/gtest.h>

#include "ddpm/data/bytes.h"
#include "ddpm/data/zip.h"
#include "ddpm/util/checked_product.h"
#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

std::string npy(const std::string& header, const std::string& values, int version = 1) {
  std::string file = "\x93NUMPY";
  append_le<uint16_t>(file, static_cast<uint16_t>(version));
  const auto length = static_cast<uint32_t>(header.size());
  if (version == 1) append_le<uint16_t>(file, static_cast<uint16_t>(length));
  if (version != 1) append_le<uint32_t>(file, length);
  return file + header + values;
}

std::string header(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': " + descr + ", 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }  \n";
}

std::string parse_error(const std::string& file) {
  return error_of<DataError>([&] { parse_npy(file, "x.npy"); });
}

TEST(Npy, ArraysComeBack) {
  for (const std::string dtype : {"u1", "i4", "i8", "f4", "f8"}) {
    const auto item = static_cast<size_t>(dtype[1] - '0');
    for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {3}, {2, 0}, {2, 3, 4}}) {
      const NpyArray array{dtype, shape, std::string(*checked_product(shape) * item, '\7')};
      const NpyArray back = parse_npy(format_npy(array), "x");
      EXPECT_EQ(back.dtype, dtype);
      EXPECT_EQ(back.shape, shape);
      EXPECT_EQ(back.bytes, array.bytes);
    }
  }
}

TEST(Npy, TheFormatIsNumpys) {
  const std::string file = format_npy({"u1", {3}, "abc"});
  EXPECT_EQ(file.size(), 131U);
  EXPECT_EQ(file.substr(10, 60), "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }   ");
  EXPECT_EQ(file[127], '\n');
  EXPECT_TRUE(contains(format_npy({"f4", {}, "abcd"}), "'<f4'"));
}

TEST(Npy, VersionsTwoAndThreeAreRead) {
  for (const int version : {2, 3}) {
    EXPECT_EQ(parse_npy(npy(header("'|u1'", "(2,)"), "ab", version), "x").bytes, "ab");
  }
  EXPECT_TRUE(contains(parse_error(npy(header("'|u1'", "(2,)"), "ab", 4)), "got 4"));
}

TEST(Npy, HeadersMayBeWrittenOtherwise) {
  const std::string file = npy(R"({"shape":(2L , 1),"descr":"<u1","fortran_order":False})", "ab");
  EXPECT_EQ(parse_npy(file, "x").shape, (std::vector<int64_t>{2, 1}));
}

TEST(Npy, FortranOrderIsTurned) {
  const NpyArray matrix = parse_npy(npy(header("'|u1'", "(2, 3)", true), "adbecf"), "x");
  EXPECT_EQ(matrix.bytes, "abcdef");
  const NpyArray cube = parse_npy(npy(header("'<i2'", "(2, 1, 2)", true), "aabbccdd"), "x");
  EXPECT_EQ(cube.bytes, "aaccbbdd");
}

TEST(Npy, OtherTypesAreRefused) {
  for (const std::string descr : {"'>f4'", "'|O'", "'<U4'", "''", "'<c8'", "'<f16'", "'>i8'"}) {
    EXPECT_TRUE(contains(parse_error(npy(header(descr, "(1,)"), "abcdefgh")), "little-endian"));
  }
  EXPECT_TRUE(contains(parse_error(npy(header("[('a', '<f4')]", "(1,)"), "abcd")), "structured"));
}

TEST(Npy, BrokenHeadersAreRefused) {
  for (const std::string text :
       {"", "{", "{}", "{'descr': '|u1', 'shape': (1,)}", "{'descr' '|u1'}", "[1]",
        "{'descr': '|u1', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'x': 1}",
        "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} x"}) {
    EXPECT_EQ(parse_error(npy(text, "a")), "x.npy: broken .npy header") << text;
  }
}

TEST(Npy, SizesThatDoNotFitAreRefused) {
  EXPECT_TRUE(contains(parse_error(npy(header("'|u1'", "(3,)"), "ab")),
                       "expected (3,) numbers of 1 bytes, got 2 bytes"));
  EXPECT_NE(parse_error(npy(header("'<f4'", "(1,)"), "abcde")), "");
  EXPECT_NE(parse_error(npy(header("'<f8'", "(2305843009213693952,)"), "")), "");
  EXPECT_NE(parse_error(npy(header("'|u1'", "(4294967296, 4294967296)"), "")), "");
}

TEST(Npy, EveryCutIsRefused) {
  const std::string file = format_npy({"f4", {2, 2}, std::string(16, 'x')});
  for (size_t size = 0; size < file.size(); ++size) {
    EXPECT_TRUE(parse_error(file.substr(0, size)).starts_with("x.npy: ")) << size;
  }
}

TEST(Npz, ArraysComeBackStoredAndDeflated) {
  const TempDir folder;
  for (const bool compress : {false, true}) {
    const std::map<std::string, NpyArray> arrays = {{"arr_0", {"u1", {2, 2}, "abcd"}},
                                                    {"mu", {"f8", {1}, "12345678"}}};
    const auto back = load_npz(folder.write("x.npz", format_npz(arrays, compress)));
    ASSERT_EQ(back.size(), 2U);
    EXPECT_EQ(back.at("arr_0").bytes, "abcd");
    EXPECT_EQ(back.at("mu").shape, (std::vector<int64_t>{1}));
  }
}

TEST(Npz, ErrorsNameTheFileAndTheArray) {
  const TempDir folder;
  ZipWriter zip;
  zip.add("arr_0.npy", "nonsense", false);
  const auto broken = folder.write("x.npz", zip.finish());
  EXPECT_EQ(error_of<DataError>([&] { load_npz(broken); }),
            broken.string() + ": arr_0: not an .npy file");
  ZipWriter other;
  other.add("read.me", "hi", false);
  const auto foreign = folder.write("y.npz", other.finish());
  EXPECT_TRUE(contains(error_of<DataError>([&] { load_npz(foreign); }), "got read.me"));
}

TEST(Npz, UnpackingIsCapped) {
  const TempDir folder;
  const auto file =
      folder.write("x.npz", format_npz({{"a", {"u1", {5000}, std::string(5000, 'x')}}}, true));
  EXPECT_THROW(load_npz(file, 5000), DataError);
  EXPECT_EQ(load_npz(file, 6000).size(), 1U);
}

TEST(Npy, LongOrOverflowingShapesAreRefused) {
  std::string ones;
  for (int i = 0; i < 100'000; ++i)
    ones += "1,";
  EXPECT_TRUE(contains(parse_error(npy(header("'|u1'", "(" + ones + ")"), "a", 2)), "broken"));
  EXPECT_NE(parse_error(npy(header("'|u1'", "(0, 9223372036854775807, 3)"), "")), "");
}

}  // namespace
}  // namespace ddpm
