#pragma once

#include <filesystem>
#include <memory>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens CIFAR-10 in its binary form. `root` is the folder of `data_batch_1.bin` to
/// `data_batch_5.bin` and `test_batch.bin`, a folder that holds it as `cifar-10-batches-bin` or
/// packed as `cifar-10-binary.tar.gz`, or that archive itself. Class names come from
/// `batches.meta.txt`, or are the usual ten. `DataError` if a file is missing or damaged.
std::unique_ptr<Dataset> open_cifar10(const DataConfig& config, const std::filesystem::path& root);

/// Opens CIFAR-100 likewise: `train.bin` and `test.bin`, `cifar-100-binary`,
/// `cifar-100-binary.tar.gz`. Its classes are the hundred fine ones, named by
/// `fine_label_names.txt`.
std::unique_ptr<Dataset> open_cifar100(const DataConfig& config, const std::filesystem::path& root);

}  // namespace ddpm
