#include "ddpm/train/decision.h"

#include <array>

namespace ddpm {

Decision agree(Ranks& ranks, Decision own) {
  bool* const wishes[] = {&own.stop,       &own.time_up, &own.save,
                          &own.save_asked, &own.hooks,   &own.evaluation_due};
  const auto total = static_cast<double>(own.decay.total_steps.value_or(-1));
  const auto start = static_cast<double>(own.decay.start);
  // Less than any number of the leader, where others have none to give.
  std::array<double, 9> numbers{-1, -1, -1};
  if (ranks.leads()) numbers = {total, start, own.decay.done};
  size_t next = 3;
  for (const bool* wish : wishes)
    numbers.at(next++) = *wish ? 1 : 0;
  ranks.agree(numbers);
  own.decay = {.total_steps = {}, .start = static_cast<int64_t>(numbers[1]), .done = numbers[2]};
  if (numbers[0] >= 0) own.decay.total_steps = static_cast<int64_t>(numbers[0]);
  next = 3;
  for (bool* wish : wishes)
    *wish = numbers.at(next++) > 0;
  return own;
}

}  // namespace ddpm
