#include "ddpm/checkpoint/safetensors.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/safetensors_header.h"
#include "ddpm/util/files.h"
#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

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

}  // namespace
}  // namespace ddpm
