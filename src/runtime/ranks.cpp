#include "ddpm/runtime/ranks.h"

namespace ddpm {

Ranks& single_rank() {
  static SingleRank alone;
  return alone;
}

torch::Tensor gather(Ranks& ranks, const torch::Tensor& own) {
  if (ranks.size() == 1) return own.unsqueeze(1);
  auto shape = own.sizes().vec();
  shape.insert(shape.begin() + 1, ranks.size());
  // Adding zeros to a number leaves its bits alone.
  auto all = torch::zeros(shape, own.options());
  all.select(1, ranks.rank()).copy_(own);
  ranks.sum(all);
  return all;
}

}  // namespace ddpm
