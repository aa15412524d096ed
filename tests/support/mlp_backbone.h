#pragma once

namespace ddpm {

/// Adds the component "mlp" to the program's table, once: a network of a few linear layers, as wide
/// as the first of `model.block_out_channels`, that sees the whole image at once.
void register_mlp();

}  // namespace ddpm
