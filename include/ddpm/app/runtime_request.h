#pragma once

#include <optional>
#include <string>

#include "ddpm/config/config.h"
#include "ddpm/util/stop.h"

namespace ddpm {

/// Where and how someone wants the work to be done.
struct RuntimeRequest {
  std::string device = "auto";         // auto, cpu, cuda or cuda:NUMBER
  std::optional<Precision> precision;  // none: float32; of training what its settings say
  bool cuda_graph = true;
  bool cudnn_autotune = false;
  StopToken stop;  // ends work early, which keeps what is done
};

}  // namespace ddpm
