#pragma once

namespace ddpm {

/// Has tensors on the CPU made by an allocator that gives their memory again to the next tensors of
/// the same size, step after step. LibTorch's own asks the C library for aligned blocks; those are
/// cut out of larger ones, so that a freed block never fits a second tensor of its size, and large
/// ones come as fresh pages from the system, whose faults cost a good part of a training step. Call
/// it before the first large tensor is made; calling it again does nothing.
void use_compact_tensor_memory();

}  // namespace ddpm
