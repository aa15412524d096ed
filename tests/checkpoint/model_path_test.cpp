#include "ddpm/checkpoint/model_path.h"

#include <gtest/gtest.h>

#include "ddpm/checkpoint/run_directory.h"
#include "ddpm/util/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_dir.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

TEST(ModelPath, AFileOfAModelMeansItsFolder) {
  const TempDir dir;
  const std::pair<const char*, const char*> rows[] = {
      {"a/model_index.json", "a"},
      {"a/unet/config.json", "a"},
      {"a/unet/diffusion_pytorch_model.fp16.safetensors", "a"},
      {"a/scheduler/scheduler_config.json", "a"},
      {"a/classifier/model.safetensors", "a"},
      {"a/unet_ema/config.json", "a/unet_ema"},
      {"bare/config.json", "bare"},
      {"bare/diffusion_pytorch_model.safetensors.index.json", "bare"},
      {"step-000005/config.yaml", "step-000005"}};
  for (const auto& [file, folder] : rows)
    EXPECT_EQ(meant_model_folder(dir.write(file, "")), dir.path() / folder) << file;
  EXPECT_EQ(resolve_checkpoint(dir.path() / "a/model_index.json"), dir.path() / "a");
}

TEST(ModelPath, AnyOtherFileIsRefusedWithTheWayOut) {
  const TempDir dir;
  for (const char* name : {"model.bin", "ema_0.9999_200000.pt", "last.ckpt", "w.pth", "net.pkl"})
    expect_error<CheckpointError>([&] { meant_model_folder(dir.write(name, "")); }, "ddpm convert");
  for (const char* name : {"notes.txt", "metrics.jsonl", "x"})
    expect_error<CheckpointError>([&] { meant_model_folder(dir.write(name, "")); },
                                  "a file, expected a run");
}

TEST(ModelPath, ACacheOfTheHubMeansTheSnapshotOfMain) {
  const TempDir dir;
  const auto cached = dir.path() / "hub/models--google--ddpm-cat-256";
  for (const char* commit : {"aaa111", "bbb222"})
    dir.write("hub/models--google--ddpm-cat-256/snapshots/" + std::string(commit) + "/config.json",
              "");
  dir.write("hub/models--google--ddpm-cat-256/refs/main", "bbb222\n");
  EXPECT_EQ(meant_model_folder(cached), cached / "snapshots/bbb222");
  for (const char* text : {"../../x", "", "ccc333", "/etc"}) {
    dir.write("hub/models--google--ddpm-cat-256/refs/main", text);
    expect_error<CheckpointError>([&] { meant_model_folder(cached); }, "aaa111/ bbb222/");
  }
  fs::remove_all(cached / "snapshots/bbb222");
  EXPECT_EQ(meant_model_folder(cached), cached / "snapshots/aaa111");
  expect_error<CheckpointError>([&] { meant_model_folder(dir.path() / "hub"); },
                                "models--google--ddpm-cat-256");
}

TEST(ModelPath, ANameOnTheHubIsToldHowToFetch) {
  for (const char* name : {"google/ddpm-cifar10-32", "https:/huggingface.co/google/ddpm-cifar10-32",
                           "https://huggingface.co/google/ddpm-cifar10-32/tree/main",
                           "huggingface.co/google/ddpm-cifar10-32"})
    expect_error<CheckpointError>(
        [&] { meant_model_folder(name); },
        "'hf download google/ddpm-cifar10-32 --local-dir ddpm-cifar10-32'");
  for (const char* path : {"/no/such", "./no/such", "../x", "no/such/folder", "x", "~/model"})
    EXPECT_EQ(meant_model_folder(path), path);
}

TEST(ModelPath, TheContentOfAFolderIsTold) {
  const TempDir dir;
  EXPECT_EQ(describe_content(dir.path()), "; it is empty");
  dir.write("a.txt", "");
  dir.write("b/x", "");
  EXPECT_EQ(describe_content(dir.path()), "; it holds a.txt, b/");
  dir.write("c.pt", "");
  EXPECT_NE(describe_content(dir.path()).find("'ddpm convert'"), std::string::npos);
  dir.write("b/unet/config.json", "");
  EXPECT_NE(describe_content(dir.path()).find("/b is a model"), std::string::npos);
  for (int i = 0; i < 20; ++i)
    dir.write("z" + std::to_string(i), "");
  EXPECT_NE(describe_content(dir.path()).find(" and 15 more"), std::string::npos);
}

}  // namespace
}  // namespace ddpm
