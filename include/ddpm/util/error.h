#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace ddpm {

/// Exit codes of the program; scripts rely on them.
enum class ExitCode : int {
  kDone = 0,
  kInternal = 1,
  kUsage = 2,
  kData = 3,
  kCheckpoint = 4,
  kDisk = 5,
  kDevice = 6,
  kDiverged = 7,
  kStopped = 85,
};

/// A mistake or a mishap that a person can mend. `main` prints its text as one line, without a
/// stack, and exits with `exit_code()`. The base class stands for usage and settings (2).
///
/// The text reads `WHERE: WHAT, expected ..., got ...`; its parts are streamed one after another. A
/// field of a request is named in backquotes (`batch_size`), for which a command line shows its
/// flag.
class UserError : public std::runtime_error {
 public:
  template <typename... Parts>
  explicit UserError(const Parts&... parts) : UserError(ExitCode::kUsage, parts...) {}

  ExitCode exit_code() const { return exit_code_; }

 protected:
  template <typename... Parts>
  explicit UserError(ExitCode code, const Parts&... parts)
      : std::runtime_error(join(parts...)),
        exit_code_(code) {}

 private:
  template <typename... Parts>
  static std::string join(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
  }

  ExitCode exit_code_;
};

/// `UserError` with one fixed exit code.
template <ExitCode kCode>
class CodedError : public UserError {
 public:
  template <typename... Parts>
  explicit CodedError(const Parts&... parts) : UserError(kCode, parts...) {}
};

/// A dataset or an image that cannot be used.
using DataError = CodedError<ExitCode::kData>;
/// A checkpoint that is missing, damaged, or does not fit.
using CheckpointError = CodedError<ExitCode::kCheckpoint>;
/// A file that could not be written.
using DiskError = CodedError<ExitCode::kDisk>;
/// No such device, or not enough memory.
using DeviceError = CodedError<ExitCode::kDevice>;
/// Training, or what a network draws, went to NaN or infinity.
using DivergedError = CodedError<ExitCode::kDiverged>;

}  // namespace ddpm
