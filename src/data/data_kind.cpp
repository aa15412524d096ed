#include "ddpm/data/data_kind.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "ddpm/data/idx.h"
#include "ddpm/util/error.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

// What a file of this name makes of the folder that it lies in; "" for CIFAR's version for Python.
struct KnownFile {
  std::string_view file;
  std::string_view kind;
};

constexpr auto kKnownFiles = std::to_array<KnownFile>({
    {"data_batch_1.bin", "cifar10"},
    {"test_batch.bin", "cifar10"},
    {"cifar-10-batches-bin", "cifar10"},
    {"cifar-10-binary.tar.gz", "cifar10"},
    {"fine_label_names.txt", "cifar100"},
    {"cifar-100-binary", "cifar100"},
    {"cifar-100-binary.tar.gz", "cifar100"},
    {"data_batch_1", ""},
    {"test_batch", ""},
    {"cifar-10-batches-py", ""},
    {"cifar-10-python.tar.gz", ""},
    {"cifar-100-python", ""},
    {"cifar-100-python.tar.gz", ""},
});

[[noreturn]] void refuse_python_version(const fs::path& root) {
  throw DataError(root.string(),
                  ": is CIFAR's version for Python, which are pickles; fetch the binary version "
                  "(cifar-10-binary.tar.gz or cifar-100-binary.tar.gz of "
                  "https://www.cs.toronto.edu/~kriz/cifar.html)");
}

const KnownFile* find_known(const fs::path& path) {
  const auto* const known =
      std::ranges::find(kKnownFiles, path.filename().string(), &KnownFile::file);
  return known == kKnownFiles.end() ? nullptr : known;
}

std::string kind_of_folder(const fs::path& folder) {
  std::string kind = "folder";
  bool is_python = false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto* const known = find_known(entry.path());
    if (known != nullptr && !known->kind.empty()) return std::string(known->kind);
    is_python = is_python || known != nullptr;
    if (is_idx_name(entry.path().filename().string())) kind = "idx";
  }
  if (is_python) refuse_python_version(folder);
  return kind;
}

std::string kind_of_file(const fs::path& file) {
  if (const auto* const known = find_known(file); known != nullptr) {
    if (known->kind.empty()) refuse_python_version(file);
    return std::string(known->kind);
  }
  const auto ending = lower_case(file.extension().string());
  if (ending == ".npz" || ending == ".npy") return "npz";
  if (ending == ".zip") return "folder";
  if (is_idx_name(file.filename().string())) return "idx";
  throw DataError(file.string(),
                  ": expected a folder of images or of IDX files, a .zip, .npz or .npy file, or "
                  "CIFAR's binary archive");
}

}  // namespace

void refuse_python_cifar(const fs::path& root) {
  if (fs::is_directory(root)) kind_of_folder(root);
  const auto* const known = find_known(root);
  if (known != nullptr && known->kind.empty()) refuse_python_version(root);
}

std::string find_data_kind(const fs::path& root) {
  return fs::is_directory(root) ? kind_of_folder(root) : kind_of_file(root);
}

}  // namespace ddpm
