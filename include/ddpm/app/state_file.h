#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <torch/types.h>

#include "ddpm/checkpoint/pickle.h"
#include "ddpm/data/zip.h"
#include "ddpm/model/named_tensors.h"

namespace ddpm {

/// A file of tensors that another program saved: what `torch.save` writes (the zip archive, and the
/// layout of before PyTorch 1.6), a safetensors file, or a pickle without tensors. Nothing in it is
/// run; see `parse_pickle`.
class StateFile {
 public:
  /// Reads what is in it. `CheckpointError` naming `path` if it is missing, damaged or none of
  /// these.
  explicit StateFile(const std::filesystem::path& path);

  const PickleContent& content() const { return content_; }

  /// The numbers of a tensor of `content()`, in their own type and the tensor's shape.
  /// `CheckpointError` if they are not all there.
  torch::Tensor read(const PickledTensor& tensor);

 private:
  struct Span {
    uint64_t begin = 0;
    uint64_t bytes = 0;
  };

  void open_archive(std::string bytes);
  void open_old_layout();
  void open_plain_pickle(const std::string& bytes);
  void open_safetensors_file(const std::filesystem::path& path);
  std::string_view storage_bytes(const std::string& key);

  std::string origin_;
  PickleContent content_;
  std::string bytes_;                // of the old layout
  std::map<std::string, Span> old_;  // storages in `bytes_`
  std::optional<ZipReader> archive_;
  std::map<std::string, ZipEntry> entries_;  // storages in the archive
  std::string last_key_;                     // several tensors may share a storage
  std::string last_bytes_;
  NamedTensors tensors_;  // of a safetensors file
};

}  // namespace ddpm
