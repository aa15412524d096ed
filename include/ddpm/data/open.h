#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ddpm/config/config.h"
#include "ddpm/data/dataset.h"

namespace ddpm {

/// Opens a folder of images, a zip archive of them, or an array, whatever `path` is. `like`
/// says to which size and channels, what to do with broken files, and how many images may be in
/// memory. `DataError` naming the file.
std::shared_ptr<const Dataset> open_images(const std::filesystem::path& path,
                                           const DataConfig& like);

/// A class of the dataset that is none of `class_names`, neither by its name nor by the number that
/// its name is; "" if there is none, or its classes have numbers only.
std::string unknown_class(const Dataset& dataset, const std::vector<std::string>& class_names);

/// The images of `dataset`, their classes numbered as in `class_names`, of which each must be one.
std::shared_ptr<const Dataset> with_classes_as(std::shared_ptr<const Dataset> dataset,
                                               const std::vector<std::string>& class_names);

}  // namespace ddpm
