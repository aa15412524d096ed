#include "ddpm/config/yaml.h"

#include "ddpm/config/rules.h"
#include "ddpm/util/error.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddpm;
  expect_only<UserError>([&] {
    Config config;
    apply_yaml(config, as_text(data, size), "a.yaml");
    const auto text = to_yaml(config);
    Config back;
    apply_yaml(back, text, "a.yaml");
    require(to_yaml(back) == text);
    check_rules(config);
  });
  return 0;
}
