#include "ddpm/model/precision.h"

#include <ATen/autocast_mode.h>
#include <torch/types.h>

namespace ddpm {

AutocastScope::AutocastScope(const torch::Device& device, Precision precision)
    : type_(device.type()),
      before_(at::autocast::is_autocast_enabled(type_)) {
  at::autocast::set_autocast_enabled(type_, precision == Precision::kBFloat16);
  at::autocast::set_autocast_dtype(type_, torch::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  // The casts of weights live as long as the outermost scope.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, before_);
}

}  // namespace ddpm
