#include "ddpm/data/cifar10.h"

#include <gtest/gtest.h>

#include "ddpm/util/error.h"
#include "support/data_files.h"
#include "support/temp_dir.h"

namespace ddpm {
namespace {

// A label, then 1024 bytes each of red, green and blue.
std::string record(int label) {
  std::string bytes(1, static_cast<char>(label));
  for (const int offset : {0, 1, 2}) {
    bytes.append(1024, static_cast<char>(10 * label + offset));
  }
  return bytes;
}

std::vector<std::string> batch_files() {
  return {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
          "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
}

void write_folder(const TempDir& folder, const std::string& prefix = "") {
  int label = 0;
  for (const std::string& name : batch_files()) {
    folder.write(prefix + name, record(label) + record(label + 1));
    ++label;
  }
}

std::string archive() {
  std::string tar = tar_file("cifar-10-batches-bin/", "", '5');
  int label = 0;
  for (const std::string& name : batch_files()) {
    tar += tar_file("cifar-10-batches-bin/" + name, record(label) + record(label + 1));
    ++label;
  }
  return gzip_bytes(tar + tar_end());
}

void expect_the_images(const std::filesystem::path& root) {
  const auto dataset = open_cifar10({}, root);
  EXPECT_EQ(dataset->info().images, 10);
  EXPECT_EQ(dataset->info().channels, 3);
  EXPECT_EQ(dataset->info().class_names[3], "cat");
  EXPECT_EQ(dataset->label(3), 2);
  std::vector<uint8_t> chw(3072);
  dataset->read(3, chw.data());
  EXPECT_EQ(chw[0], 20);
  EXPECT_EQ(chw[1024], 21);
  EXPECT_EQ(chw[3071], 22);
}

TEST(Cifar10, FolderSubFolderAndArchiveReadTheSame) {
  const TempDir folder;
  write_folder(folder);
  expect_the_images(folder.path());
  const TempDir above;
  write_folder(above, "cifar-10-batches-bin/");
  expect_the_images(above.path());
  const TempDir packed;
  const auto tar = packed.write("cifar-10-binary.tar.gz", archive());
  expect_the_images(tar);
  expect_the_images(packed.path());
}

TEST(Cifar10, TheTestSplitIsItsOwnFile) {
  const TempDir folder;
  write_folder(folder);
  DataConfig config;
  config.split = "test";
  const auto dataset = open_cifar10(config, folder.path());
  EXPECT_EQ(dataset->info().images, 2);
  EXPECT_EQ(dataset->label(1), 6);
}

TEST(Cifar10, ThereIsNoValidationSplitAndNoVersionForPython) {
  const TempDir folder;
  write_folder(folder);
  DataConfig config;
  config.split = "val";
  EXPECT_THROW(open_cifar10(config, folder.path()), NoSplitError);
  const TempDir python;
  python.write("cifar-10-batches-py/data_batch_1", "pickled");
  for (const auto& root : {python.path(), python.path() / "cifar-10-batches-py"})
    EXPECT_TRUE(contains(error_of<DataError>([&] { open_cifar10({}, root); }),
                         "fetch the binary version (cifar-10-binary.tar.gz"));
}

TEST(Cifar100, TheFineClassIsTheLabel) {
  const TempDir folder;
  folder.write("cifar-100-binary/train.bin", "\x13" + record(7) + "\x02" + record(1));
  folder.write("cifar-100-binary/test.bin", "\x02" + record(3));
  folder.write("cifar-100-binary/fine_label_names.txt", "a\nb\nc\nd\ne\nf\ng\nh\n");
  const auto dataset = open_cifar100({}, folder.path());
  EXPECT_EQ(dataset->info().images, 2);
  EXPECT_EQ(dataset->label(0), 7);
  EXPECT_EQ(dataset->info().class_names[7], "h");
  std::vector<uint8_t> chw(3072);
  dataset->read(1, chw.data());
  EXPECT_EQ(chw[1024], 11);
  DataConfig config;
  config.split = "test";
  EXPECT_EQ(open_cifar100(config, folder.path())->label(0), 3);
}

TEST(Cifar10, NamesComeFromTheFileIfThereIsOne) {
  const TempDir folder;
  write_folder(folder);
  folder.write("batches.meta.txt", "one\ntwo\nthree\nfour\nfive\nsix\n\n");
  EXPECT_EQ(open_cifar10({}, folder.path())->info().class_names.size(), 6U);
}

TEST(Cifar10, MissingAndBrokenBatchesAreNamed) {
  const TempDir folder;
  write_folder(folder);
  const auto error = [&] { return error_of<DataError>([&] { open_cifar10({}, folder.path()); }); };
  folder.write("data_batch_3.bin", record(1).substr(1));
  EXPECT_TRUE(contains(error(), "data_batch_3.bin: expected a multiple of 3073 bytes, got 3072"));
  std::filesystem::remove(folder.path() / "data_batch_3.bin");
  EXPECT_TRUE(contains(error(), "expected data_batch_3.bin in it"));
}

TEST(Cifar10, LabelsAboveNineAreRefused) {
  const TempDir folder;
  write_folder(folder);
  folder.write("data_batch_1.bin", record(10));
  EXPECT_THROW(open_cifar10({}, folder.path()), DataError);
}

TEST(Cifar10, ArchivesThatEndEarlyAreRefused) {
  const TempDir folder;
  const std::string whole = archive();
  const auto tar = folder.write("x.tar.gz", whole.substr(0, whole.size() / 2));
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_cifar10({}, tar); }), "x.tar.gz"));
}

TEST(Cifar10, UnpackedFilesHaveALimit) {
  const TempDir folder;
  const auto tar = folder.write("x.tar.gz", archive());
  DataConfig config;
  config.memory_limit_gb = 1e-5;
  EXPECT_TRUE(
      contains(error_of<DataError>([&] { open_cifar10(config, tar); }), "expected at most"));
  write_folder(folder);
  folder.write("batches.meta.txt", std::string(100'000, '\n'));
  EXPECT_TRUE(contains(error_of<DataError>([&] { open_cifar10({}, folder.path()); }),
                       "batches.meta.txt: expected at most 65536 bytes, got 100000"));
}

}  // namespace
}  // namespace ddpm
