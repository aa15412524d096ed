#include "tests/support/checkpoints.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ddpm/util/crc32.h"
#include "ddpm/util/files.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

void expect_whole(const fs::path& checkpoint) {
  ASSERT_TRUE(fs::exists(checkpoint / "checksums.json")) << checkpoint;
  const auto files = json::parse(read_file(checkpoint / "checksums.json")).at("files");
  EXPECT_GE(files.size(), 8U) << checkpoint;
  for (const auto& [name, expected] : files.items()) {
    ASSERT_TRUE(fs::exists(checkpoint / name)) << checkpoint / name;
    const auto sum = sum_file(checkpoint / name);
    EXPECT_EQ(sum.bytes, expected.at("bytes")) << checkpoint / name;
    EXPECT_EQ(sum.crc32, expected.at("crc32")) << checkpoint / name;
  }
}

}  // namespace

std::set<int64_t> whole_checkpoints(const fs::path& folder) {
  std::set<int64_t> steps;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    if (name == "last") {
      EXPECT_TRUE(entry.is_symlink() && entry.is_directory()) << entry.path();
      continue;
    }
    const bool is_step = name.starts_with("step-") &&
                         name.find_first_not_of("0123456789", sizeof("step-") - 1) == name.npos;
    EXPECT_TRUE(is_step) << entry.path();
    if (!is_step) continue;
    expect_whole(entry.path());
    steps.insert(std::stoll(name.substr(sizeof("step-") - 1)));
  }
  return steps;
}

std::set<std::string> unfinished_checkpoints(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(".step-")) names.insert(name);
  }
  return names;
}

void expect_same_tensors(const fs::path& a, const fs::path& b) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(a)) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto file = entry.path().lexically_relative(a);
    ASSERT_TRUE(fs::exists(b / file)) << b / file;
    EXPECT_TRUE(read_file(a / file) == read_file(b / file)) << a / file << " and " << b / file;
    ++files;
  }
  EXPECT_GE(files, 4) << a;
}

}  // namespace ddpm
