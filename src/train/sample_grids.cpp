#include "ddpm/train/sample_grids.h"

#include <algorithm>
#include <string>
#include <vector>

#include <torch/types.h>

#include "ddpm/data/image_io.h"
#include "ddpm/sample/images.h"
#include "ddpm/train/plan.h"
#include "ddpm/util/error.h"
#include "ddpm/util/files.h"
#include "ddpm/util/log.h"
#include "ddpm/util/stop.h"

namespace ddpm {

SampleGrids::SampleGrids(const Config& config, EmaGenerator& generator)
    : preview_{.images = config.sample.grid_images, .every = config.train.sample_every},
      part_(micro_batch_size(config.train)),
      generator_(generator) {}

bool SampleGrids::due(const Decision& now) const {
  return !now.finished && preview_.due(now.step);
}

torch::Tensor SampleGrids::draw(Generator& generator) const {
  const auto labels = cycle_labels(generator.signature(), {}, preview_.images);
  std::vector<torch::Tensor> parts;
  for (int64_t first = 0; first < preview_.images; first += part_) {
    const int64_t size = std::min(part_, preview_.images - first);
    const auto request = request_of_part(/*seed=*/0, labels, first, size);
    parts.push_back(generator.generate(request, [](int64_t) { throw_if_stopped(); }));
  }
  return torch::cat(parts);
}

void SampleGrids::run(RunView& view) {
  const auto& directory = view.folder.directory();
  const double start = view.budget.session_seconds();
  try {
    const auto columns = grid_columns(preview_.images, view.config.signature.classes);
    const auto path = directory.sample_grid(view.state.step);
    const auto images = generator_.with([&](Generator& generator) { return draw(generator); });
    const auto grid = tile_images(to_images(images), columns);
    view.folder.ensure();
    make_folder(directory.samples());
    write_file_atomic(path, encode_png(grid));
    preview_.last_seconds = view.budget.session_seconds() - start;
    log_info("samples: " + path.string());
  } catch (const StopRequested&) {
    log_info("the sample grid is left out");
  } catch (const DiskError& error) {
    log_warning(std::string(error.what()) + "; the sample grid is left out");
  }
}

}  // namespace ddpm
