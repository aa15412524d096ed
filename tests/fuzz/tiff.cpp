#include "image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ddpm::decode_as_the_program_does(ddpm::as_text(data, size));
  return 0;
}
