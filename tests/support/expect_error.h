#pragma once

#include <string>
#include <typeinfo>

#include <gtest/gtest.h>

#include "ddpm/util/error.h"

namespace ddpm {

/// Expects that `call` throws an `Error`, and none of a kind derived from it, whose text holds
/// `text`.
template <typename Error, typename Call>
void expect_error(const Call& call, const std::string& text) {
  try {
    call();
    ADD_FAILURE() << "expected the error '" << text << "'";
  } catch (const Error& error) {
    EXPECT_TRUE(typeid(error) == typeid(Error)) << error.what();
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

}  // namespace ddpm
