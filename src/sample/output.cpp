#include "ddpm/sample/output.h"

#include <torch/types.h>

#include "ddpm/data/image_tensors.h"
#include "ddpm/data/npy.h"
#include "ddpm/sample/images.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/text.h"

namespace ddpm {
namespace fs = std::filesystem;
namespace {

std::string bytes_of(const torch::Tensor& tensor) {
  const auto plain = tensor.contiguous();
  return {static_cast<const char*>(plain.data_ptr()), plain.nbytes()};
}

NpyArray to_npy(const torch::Tensor& tensor, const std::string& dtype) {
  return {.dtype = dtype, .shape = tensor.sizes().vec(), .bytes = bytes_of(tensor)};
}

}  // namespace

OutputKind output_kind(const fs::path& path) {
  const auto ending = lower_case(path.extension().string());
  if (path == "-")
    throw UserError("`out` -: images go into files alone; expected NAME.png (a grid), NAME.npz, ",
                    "NAME.npy or a folder");
  if (ending == ".png") return OutputKind::kGrid;
  if (ending == ".npz") return OutputKind::kNpz;
  if (ending == ".npy") return OutputKind::kNpy;
  if (ending.empty() || path.filename().empty() || fs::is_directory(path)) {
    return OutputKind::kFolder;
  }
  if (ending == ".jpg" || ending == ".jpeg")
    throw UserError("`out` ", path.string(), ": JPEG would change what was drawn; expected ",
                    "NAME.png (a grid), NAME.npz, NAME.npy or a folder");
  throw UserError("`out` ", path.string(),
                  ": expected NAME.png (a grid), NAME.npz, NAME.npy or a folder");
}

void check_output_free(const fs::path& path) {
  if (!fs::exists(path)) return;
  if (fs::is_directory(path)) {
    if (output_kind(path) == OutputKind::kFolder && fs::is_empty(path)) return;
    throw UserError("`out` ", path.string(), ": the folder is not empty; give another one");
  }
  throw UserError("`out` ", path.string(), ": exists already; give another name");
}

OutputWriter::OutputWriter(fs::path path, OutputInfo info)
    : path_(std::move(path)),
      kind_(output_kind(path_)),
      info_(std::move(info)) {
  make_folder(kind_ == OutputKind::kFolder ? path_ : path_.parent_path());
}

ImageText OutputWriter::text_of(int64_t picture) const {
  ImageText text = info_.common;
  const int64_t image = picture / info_.pictures;
  if (info_.first_seed)
    text.emplace_back("seed", std::to_string(*info_.first_seed + static_cast<uint64_t>(image)));
  if (info_.labels.empty()) return text;
  const auto label = static_cast<size_t>(info_.labels.at(static_cast<size_t>(image)));
  const bool named = label < info_.class_names.size();
  text.emplace_back("class", named ? info_.class_names[label] : std::to_string(label));
  return text;
}

void OutputWriter::add(const torch::Tensor& images) {
  if (kind_ == OutputKind::kFolder) {
    int64_t image = count_;
    for (const auto& picture : to_images(images)) {
      write_file_atomic(path_ / (zero_padded(image, 6) + ".png"),
                        encode_png(picture, text_of(image)));
      ++image;
    }
  } else {
    kept_.push_back(kind_ == OutputKind::kNpy ? images : to_uint8(images));
  }
  count_ += images.size(0);
}

void OutputWriter::finish() {
  if (kind_ == OutputKind::kFolder || kept_.empty()) return;
  const auto all = torch::cat(kept_);
  if (kind_ == OutputKind::kNpy) {
    write_file_atomic(path_, format_npy(to_npy(all, "f4")));
  } else if (kind_ == OutputKind::kNpz) {
    std::map<std::string, NpyArray> arrays{{"arr_0", to_npy(all, "u1")}};
    if (!info_.labels.empty()) {
      const auto labels = torch::tensor(info_.labels, torch::kInt64)
                              .narrow(0, 0, count_ / info_.pictures)
                              .repeat_interleave(info_.pictures);
      arrays.emplace("arr_1", to_npy(labels, "i8"));
    }
    write_file_atomic(path_, format_npz(arrays, /*compress=*/false));
  } else {
    ImageText text = info_.common;
    if (info_.first_seed) text.emplace_back("first seed", std::to_string(*info_.first_seed));
    write_file_atomic(path_, encode_png(tile_images(unpack_images(all), info_.columns), text));
  }
}

}  // namespace ddpm
