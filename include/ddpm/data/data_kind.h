#pragma once

#include <filesystem>
#include <string>

namespace ddpm {

/// The word of `data.name` for what lies at `root`, as names and endings tell: `npz` (also for
/// `.npy`), `idx`, `cifar10`, `cifar100`, and `folder` for a folder or a zip archive of images.
/// `DataError` that says what to do if it is none, as for CIFAR's version for Python.
std::string find_data_kind(const std::filesystem::path& root);

/// `DataError` if `root` is CIFAR's version for Python, which says what to fetch instead.
void refuse_python_cifar(const std::filesystem::path& root);

}  // namespace ddpm
