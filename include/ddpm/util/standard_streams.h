#pragma once

namespace ddpm {

/// Makes writing to a pipe that nobody reads, or into a file over its limit, an error of the write
/// instead of the end of the program, and keeps files that are opened later off the numbers of
/// standard streams that were closed on entry. To be called before any file is opened; such streams
/// still take and give nothing.
void guard_standard_streams();

}  // namespace ddpm
