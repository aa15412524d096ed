#include "ddpm/checkpoint/checksums.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Checksums : public testing::Test {
 protected:
  void SetUp() override {
    dir_.write("unet/weights", "0123456789");
    dir_.write("config.yaml", "a: 1");
    write_checksums(dir_.path());
  }

  TempDir dir_;
};

TEST_F(Checksums, AcceptWhatIsWhole) {
  verify_checksums(dir_.path());
  dir_.write("samples/new.png", "a person's own");
  verify_checksums(dir_.path());
}

TEST_F(Checksums, NameTheDamagedFile) {
  dir_.write("unet/weights", "0123456780");
  expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); }, "unet/weights: damaged");
  dir_.write("unet/weights", "012345678");
  expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); }, "expected 10 bytes, got 9");
  fs::remove(dir_.path() / "unet/weights");
  expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); }, "unet/weights: missing");
  verify_checksums(dir_.path(), {"scheduler"});
}

TEST_F(Checksums, ATextThatAPersonChangedIsToldFromADamagedOne) {
  dir_.write("unet/config.json", R"({"sample_size": 32})");
  fs::remove(dir_.path() / "checksums.json");
  write_checksums(dir_.path());
  for (const char* text : {R"({"sample_size": 64})", R"({"sample_size": 128})"}) {
    dir_.write("unet/config.json", text);
    expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); },
                                  "unet/config.json: was changed after the checkpoint was written; "
                                  "removing its line from checksums.json");
  }
  dir_.write("unet/config.json", R"({"sample_size": 6)");
  expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); },
                                "unet/config.json: damaged");
  fs::remove(dir_.path() / "unet/config.json");
  dir_.write("config.yaml", "train:\n  batch_size: 8\n");
  expect_error<CheckpointError>([&] { verify_checksums(dir_.path(), {"config.yaml"}); },
                                "config.yaml: was changed");
}

TEST_F(Checksums, AChangeIsAcceptedWithoutItsLine) {
  dir_.write("unet/weights", "another");
  dir_.write("checksums.json", R"({"files": {"config.yaml": {"bytes": 4, "crc32": 0}}})");
  verify_checksums(dir_.path(), {"unet"});
}

TEST_F(Checksums, AreNotNeeded) {
  fs::remove(dir_.path() / "checksums.json");
  dir_.write("unet/weights", "changed");
  verify_checksums(dir_.path());
}

TEST_F(Checksums, StayWithinTheFolder) {
  for (const char* name :
       {"../x", "/etc/passwd", "unet/../../x", "", R"(..\u0000)", R"(unet/weights\u0000x)"}) {
    dir_.write("checksums.json",
               std::string(R"({"files": {")") + name + R"(": {"bytes": 1, "crc32": 1}}})");
    expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); }, "checksums.json");
  }
}

TEST_F(Checksums, ABrokenListIsAnError) {
  for (const char* text : {"", "[]", "{}", R"({"files": []})", R"({"files": {"a": 3}})",
                           R"({"files": {"a": {"bytes": -1, "crc32": 1}}})",
                           R"({"files": {"a": {"bytes": 1, "crc32": 4294967296}}})"}) {
    dir_.write("checksums.json", text);
    expect_error<CheckpointError>([&] { verify_checksums(dir_.path()); }, "checksums.json");
  }
}

}  // namespace
}  // namespace ddpm
