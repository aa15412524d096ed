#pragma once

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/cli/command_fixture.h"
#include "tests/support/tiny_settings.h"

namespace ddpm {

/// `TrainedCommandTest` with a recipe for classifiers and a cache of its own.
class EvalCommand : public TrainedCommandTest {
 protected:
  EvalCommand() {
    ::setenv("XDG_CACHE_HOME", (dir_.path() / "cache").c_str(), 1);
    ::unsetenv("DDPM_INCEPTION");
    dir_.write("configs/fashion-mnist-features.yaml", kTinyRecipe);
  }
  ~EvalCommand() override { ::unsetenv("XDG_CACHE_HOME"); }

  CommandResult eval(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"eval", "-q", "--batch-size", "8"};
    words.insert(words.end(), more.begin(), more.end());
    return ddpm(words);
  }
};

}  // namespace ddpm
