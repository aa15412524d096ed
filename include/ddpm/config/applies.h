#pragma once

#include <string>
#include <string_view>

#include "ddpm/config/config.h"
#include "ddpm/config/settings.h"

namespace ddpm {

/// Where a setting means something, in words: "process edm only", "samplers euler, heun only";
/// empty if everywhere.
std::string where_it_applies(const Applies& applies);

/// Checks that settings of `section` ("sample") which are refused where they do not apply are as by
/// default there. `UserError` naming the first that is not.
void check_applies(const Config& config, std::string_view section);

}  // namespace ddpm
