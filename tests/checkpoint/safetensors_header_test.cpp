#include "ddpm/checkpoint/safetensors_header.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ddpm/util/error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

/// A file's bytes from a header and a number of data bytes.
std::string file_with(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof(length));
  return file + header + std::string(data_bytes, '\0');
}

std::string error_of(const std::string& header, size_t data_bytes) {
  const auto file = file_with(header, data_bytes);
  try {
    parse_safetensors_header(file, file.size(), "f");
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "";
}

TEST(SafetensorsHeader, BrokenHeadersAreRefusedByName) {
  const auto entry = [](const std::string& fields) { return R"({"a":{)" + fields + "}}"; };
  const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  EXPECT_EQ(error_of(entry(good), 8), "");
  const std::vector<std::pair<std::string, size_t>> bad{
      {entry(good), 9},                                                   // bytes left over
      {entry(good), 7},                                                   // cut off
      {entry(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), 8},    // wrong size
      {entry(R"("dtype":"F4","shape":[2],"data_offsets":[0,8])"), 8},     // unknown type
      {entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), 8},   // negative
      {entry(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), 8},  // not whole
      {entry(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])"), 12},  // hole
      {entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), 8},    // backwards
      {entry(R"("dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8])"), 8},
      {entry(R"("dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0])"), 0},
      {entry(R"("dtype":"F32","shape":[2])"), 8},            // no offsets
      {entry(good + R"(,"more":1)"), 8},                     // extra field
      {R"({"a":{)" + good + R"(},"a":{)" + good + "}}", 8},  // twice
      {R"([1])", 0},
      {R"({"__metadata__":{"a":1}})", 0},
  };
  for (const auto& [header, bytes] : bad)
    EXPECT_TRUE(error_of(header, bytes).starts_with("f: ")) << header;
}

TEST(SafetensorsHeader, OverlapsAreRefused) {
  const std::string two = R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                          R"("b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}})";
  EXPECT_NE(error_of(two, 12).find("overlap"), std::string::npos);
}

TEST(SafetensorsHeader, LengthsBeyondTheFileAreRefusedBeforeMemoryIsTaken) {
  const TempDir dir;
  const uint64_t huge = uint64_t{1} << 62;
  const std::string bytes(reinterpret_cast<const char*>(&huge), sizeof(huge));
  EXPECT_THROW(load_safetensors_header(dir.write("a", bytes)), CheckpointError);
  EXPECT_THROW(load_safetensors_header(dir.write("b", "abc")), CheckpointError);
  EXPECT_THROW(load_safetensors_header(dir.write("c", "")), CheckpointError);
  EXPECT_THROW(load_safetensors_header(dir.path() / "none"), CheckpointError);
}

TEST(SafetensorsHeader, KnowsTheBytesOfItsTypes) {
  EXPECT_EQ(safetensors_type_bytes("BF16"), 2U);
  EXPECT_EQ(safetensors_type_bytes("F64"), 8U);
  EXPECT_EQ(safetensors_type_bytes("F8_E4M3"), std::nullopt);
}

TEST(SafetensorsHeader, APrefixWithoutTheHeaderIsABrokenContract) {
  const auto file = file_with("{}", 0);
  EXPECT_THROW(parse_safetensors_header(file.substr(0, 9), file.size(), "f"),
               std::invalid_argument);
}

TEST(SafetensorsHeader, PipesAreRefusedAtOnce) {
  const TempDir dir;
  const auto pipe = dir.path() / "a.safetensors";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(load_safetensors_header(pipe), CheckpointError);
}

}  // namespace
}  // namespace ddpm
