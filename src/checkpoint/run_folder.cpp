#include "ddpm/checkpoint/run_folder.h"

#include <utility>

#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"

namespace ddpm {

RunFolder::RunFolder(RunDirectory directory, RunLock& lock, std::string config)
    : directory_(std::move(directory)),
      lock_(&lock),
      config_(std::move(config)) {}

void RunFolder::ensure() {
  if (lock_ == nullptr || lock_->is_there()) return;
  const auto path = directory_.path().string();
  if (directory_.has_checkpoints())
    throw DiskError(path, ": holds the checkpoints of another run now");
  make_folder(directory_.path());
  try {
    lock_->take();
  } catch (const UserError& error) {
    throw DiskError(error.what());
  }
  directory_.create();
  write_file_atomic(directory_.config_file(), config_);
  log_warning(path + ": has vanished and is made anew; log.txt stays with the old one");
}

}  // namespace ddpm
