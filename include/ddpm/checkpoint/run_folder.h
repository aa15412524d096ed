#pragma once

#include <string>
#include <utility>

#include "ddpm/checkpoint/run_directory.h"

namespace ddpm {

/// The folder of a run that is trained, which others may move or remove meanwhile.
class RunFolder {
 public:
  /// A folder that nobody looks after: `ensure` does nothing.
  explicit RunFolder(RunDirectory directory) : directory_(std::move(directory)) {}
  /// `lock` is on the folder and must outlive this; `config` is the text of its config.yaml.
  RunFolder(RunDirectory directory, RunLock& lock, std::string config);

  const RunDirectory& directory() const { return directory_; }

  /// To be called before something is written into the folder: makes it anew if it was moved or
  /// removed, with a warning. `DiskError` if another run has its place.
  void ensure();

 private:
  RunDirectory directory_;
  RunLock* lock_ = nullptr;
  std::string config_;
};

}  // namespace ddpm
