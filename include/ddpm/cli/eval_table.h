#pragma once

#include <string>

#include "ddpm/app/evaluate.h"

namespace ddpm {

/// The numbers of a result as a table for people, and below it what they depend on.
std::string result_table(const EvalResult& result);

}  // namespace ddpm
