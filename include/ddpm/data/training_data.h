#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "ddpm/data/sample_spec.h"

namespace ddpm {

/// Samples to train on, addressed by number, as the network sees them. Safe to read from several
/// threads at once. A new kind of data is a class of these.
class TrainingData {
 public:
  virtual ~TrainingData() = default;

  const SampleSpec& spec() const { return spec_; }

  /// The file or folder that the samples come from, for messages.
  const std::string& where() const { return where_; }

  /// The number of samples, at least one.
  virtual int64_t size() const = 0;

  /// A text that changes with the samples, for telling whether a run goes on with those that it
  /// began with; empty if it is not known.
  virtual std::string fingerprint() const { return {}; }

  /// Samples passed over so far because they could not be read.
  virtual int64_t skipped() const { return 0; }

  /// The class of sample `index`, or -1 where there are no labels.
  virtual int64_t label(int64_t index) const = 0;

  /// Writes sample `index` to `values`, `spec().numel()` numbers. Whatever chance has a part in,
  /// such as mirroring, depends on `place` alone, the sample's place in the sequence of training
  /// samples. `DataError` naming the file if the sample cannot be read.
  virtual void fill(int64_t index, int64_t place, float* values) const = 0;

  /// How many numbers tell a network what `fill` has done to a sample; 0 where it need not know.
  /// All zero means a sample as it is, which is what the network is to draw.
  virtual int64_t augment_labels() const { return 0; }

  /// Writes the `augment_labels()` numbers of the sample at `place` to `labels`.
  virtual void fill_augment_labels(int64_t /*place*/, float* /*labels*/) const {}

 protected:
  TrainingData(SampleSpec spec, std::string where)
      : spec_(std::move(spec)),
        where_(std::move(where)) {}

 private:
  SampleSpec spec_;
  std::string where_;
};

}  // namespace ddpm
