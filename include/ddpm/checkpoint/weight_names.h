#pragma once

#include <map>
#include <string>
#include <vector>

namespace ddpm {

/// The names that networks have today for the tensors of a file, by the names in the file: without
/// the words of wrappers (`module.` of data parallel training, `_orig_mod.` of torch.compile, and
/// any prefix that all names share, such as `model.` or `unet.`), and with today's names of
/// attention. The counters that wrappers keep among the weights are left out.
std::map<std::string, std::string> modern_weight_names(const std::vector<std::string>& names);

}  // namespace ddpm
