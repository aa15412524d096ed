#include "ddpm/checkpoint/safetensors.h"

#include <cstring>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/golden.h"
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

TEST(Safetensors, ReadsWhatTheOfficialPackageWrote) {
  const auto golden = load_json(test_data("safetensors/expected.json"));
  for (const auto& [name, expected] : golden.items()) {
    const auto tensors = load_safetensors(test_data("safetensors/" + name));
    const auto& rows = expected.at("tensors");
    ASSERT_EQ(tensors.size(), rows.size()) << name;
    for (const auto& [key, row] : rows.items()) {
      const auto& tensor = tensors.at(key);
      EXPECT_EQ(tensor.sizes().vec(), row.at("shape").get<std::vector<int64_t>>()) << key;
      const auto flat = tensor.to(torch::kFloat64).flatten();
      std::vector<double> values;
      for (const auto& value : row.at("values"))
        values.push_back(value.is_boolean() ? value.get<bool>() : value.get<double>());
      EXPECT_TRUE(torch::equal(flat, torch::tensor(values, torch::kFloat64))) << name << key;
    }
  }
}

TEST(Safetensors, RoundTripKeepsEveryTypeShapeAndBit) {
  const TempDir dir;
  torch::manual_seed(0);
  const auto x = torch::randn({2, 3});
  const NamedTensors tensors{{"f32", x},
                             {"bf16", x.to(torch::kBFloat16)},
                             {"f16", x.to(torch::kFloat16)},
                             {"f64", x.to(torch::kFloat64)},
                             {"i64", torch::arange(5)},
                             {"bool", x > 0},
                             {"scalar", torch::tensor(2.5)},
                             {"empty", torch::zeros({0, 4})},
                             {"strided", x.t()}};
  save_safetensors(dir.path() / "a.safetensors", tensors);
  const auto back = load_safetensors(dir.path() / "a.safetensors");
  ASSERT_EQ(back.size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(back.at(name), tensor)) << name;
  }
}

TEST(Safetensors, HeaderIsPaddedAndMarkedAsOfPyTorch) {
  const TempDir dir;
  const auto path = dir.path() / "a.safetensors";
  save_safetensors(path, {{"a", torch::ones({3})}});
  const auto bytes = read_file(path);
  const auto header = parse_safetensors_header(bytes, bytes.size(), "a");
  EXPECT_EQ(header.data_begin % 8, 0U);
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(Safetensors, BrokenHeadersAreRefusedByName) {
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
      {entry(R"("dtype":"F32","shape":[2])"), 8},            // no offsets
      {entry(good + R"(,"more":1)"), 8},                     // extra field
      {R"({"a":{)" + good + R"(},"a":{)" + good + "}}", 8},  // twice
      {R"([1])", 0},
      {R"({"__metadata__":{"a":1}})", 0},
  };
  for (const auto& [header, bytes] : bad)
    EXPECT_TRUE(error_of(header, bytes).starts_with("f: ")) << header;
}

TEST(Safetensors, OverlapsAreRefused) {
  const std::string two = R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                          R"("b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}})";
  EXPECT_NE(error_of(two, 12).find("overlap"), std::string::npos);
}

TEST(Safetensors, LengthsBeyondTheFileAreRefusedBeforeMemoryIsTaken) {
  const TempDir dir;
  const uint64_t huge = uint64_t{1} << 62;
  const std::string bytes(reinterpret_cast<const char*>(&huge), sizeof(huge));
  EXPECT_THROW(load_safetensors(dir.write("a", bytes)), CheckpointError);
  EXPECT_THROW(load_safetensors(dir.write("b", "abc")), CheckpointError);
  EXPECT_THROW(load_safetensors(dir.write("c", "")), CheckpointError);
  EXPECT_THROW(load_safetensors(dir.path() / "none"), CheckpointError);
}

}  // namespace
}  // namespace ddpm
