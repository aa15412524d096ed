#include "ddpm/data/held_out.h"

#include <vector>

#include "ddpm/util/log.h"

namespace ddpm {
namespace {

std::vector<std::string> splits_in_order(HeldOut chosen, HeldOutUse use) {
  if (chosen == HeldOut::kVal) return {"val"};
  if (chosen == HeldOut::kTest) return {"test"};
  if (use == HeldOutUse::kTraining) return {"val", "test"};
  return {"test", "val"};
}

}  // namespace

HeldOutImages open_held_out(DataConfig data, HeldOutUse use) {
  if (data.split != "train") return {};
  for (const auto& split : splits_in_order(data.held_out, use)) {
    data.split = split;
    try {
      return {split, open_dataset(data)};
    } catch (const NoSplitError&) {
      continue;
    } catch (const UserError& error) {
      log_warning(std::string(error.what()) + "; the split " + split + " is not used");
    }
  }
  return {};
}

}  // namespace ddpm
