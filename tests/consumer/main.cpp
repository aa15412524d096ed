// A program that uses ddpm as a library: trains on images of its own, draws, measures, watches and
// stops. docs/library.md shows it.
#include <cstdio>
#include <memory>

#include <ddpm/app/evaluate.h>
#include <ddpm/app/sample.h>
#include <ddpm/app/train.h>
#include <ddpm/data/memory_dataset.h>
#include <ddpm/util/log.h>

int main() {
  // Forty grey 8x8 images of two classes: dark and light noise.
  const auto pixels = torch::cat({torch::randint(0, 100, {20, 1, 8, 8}, torch::kUInt8),
                                  torch::randint(150, 255, {20, 1, 8, 8}, torch::kUInt8)});
  const ddpm::DatasetInfo info{.name = "noise",
                               .where = "memory",
                               .images = 40,
                               .channels = 1,
                               .height = 8,
                               .width = 8,
                               .num_classes = 2,
                               .class_names = {"dark", "light"}};
  const auto* const bytes = pixels.data_ptr<uint8_t>();
  std::vector<int64_t> labels(40);
  for (size_t i = 20; i < 40; ++i)
    labels[i] = 1;
  const auto images = std::make_shared<ddpm::MemoryDataset>(
      info, std::vector<uint8_t>(bytes, bytes + pixels.numel()), labels);

  int64_t heard = 0;
  const ddpm::LogListener listener([&](ddpm::LogLevel, const std::string&) { ++heard; },
                                   [&](const std::string&) { ++heard; });

  ddpm::TrainRequest training;
  training.dataset = images;
  training.run = "runs/own";
  for (const auto& [key, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"model.block_out_channels", "8,16"},
           {"model.layers_per_block", "1"},
           {"model.down_block_types", "DownBlock2D,AttnDownBlock2D"},
           {"model.up_block_types", "AttnUpBlock2D,UpBlock2D"},
           {"model.norm_num_groups", "4"},
           {"model.class_conditional", "true"},
           {"train.steps", "8"},
           {"train.warmup_steps", "2"},
           {"train.batch_size", "4"},
           {"train.precision", "float32"},
           {"sample.steps", "4"},
           {"sample.grid_images", "4"}})
    training.settings.put(key, value);
  const auto trained = ddpm::train(training);

  auto classifying = training;
  classifying.run = "runs/classifier";
  classifying.settings.put("train.task", "classifier");
  ddpm::train(classifying);

  ddpm::SampleRequest drawing;
  drawing.checkpoint = "runs/own";
  drawing.classes = "light";
  drawing.count = 3;
  torch::Tensor drawn;
  drawing.on_images = [&](const torch::Tensor& batch) { drawn = batch; };
  ddpm::sample(drawing);

  ddpm::EvalRequest measuring;
  measuring.checkpoint = "runs/own";
  measuring.features = "classifier:runs/classifier";
  measuring.reference_images = images;
  measuring.metrics = {ddpm::Metric::kFrechet};
  measuring.count = 8;
  const auto measured = ddpm::evaluate(measuring);

  ddpm::StopSource stop;
  stop.request();
  training.run = "runs/stopped";
  training.runtime.stop = stop.token();
  const auto stopped = ddpm::train(training);

  const bool good = trained.step == 8 && drawn.size(0) == 3 && measured.metrics.size() == 1 &&
                    stopped.end == ddpm::RunEnd::kStopped && heard > 0;
  std::printf("%s: %s %g\n", good ? "good" : "bad", measured.metrics[0].key.c_str(),
              measured.metrics[0].value);
  return good ? 0 : 1;
}
