#pragma once

#include <cstdint>
#include <span>

#include <torch/types.h>

namespace ddpm {

/// The processes that train one model together, each on its part of every batch. A rank is a
/// further part of gradient accumulation: what it adds up is summed over all of them, and the same
/// calls must come from all ranks in the same order.
class Ranks {
 public:
  virtual ~Ranks() = default;

  /// The number of this one, 0 ... size-1.
  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  /// Replaces `tensor`, of one shape and type at all ranks, by its sum over the ranks: the same
  /// bits at all of them.
  virtual void sum(const torch::Tensor& tensor) = 0;

  /// Replaces each number by the highest that a rank has given for it, so that all go on with the
  /// same ones.
  virtual void agree(std::span<double> numbers) = 0;

  /// True at the one rank that writes into the run folder and looks at the clock.
  bool leads() const { return rank() == 0; }
};

/// The rank of a process that trains alone, for which sums and agreements are nothing to do.
class SingleRank : public Ranks {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 1; }
  void sum(const torch::Tensor& /*tensor*/) override {}
  void agree(std::span<double> /*numbers*/) override {}
};

/// A `SingleRank` for all who train alone: it has no state.
Ranks& single_rank();

/// The rows of all ranks: `own` [A, ...] of each becomes [A, size, ...], the same at all of them.
torch::Tensor gather(Ranks& ranks, const torch::Tensor& own);

}  // namespace ddpm
