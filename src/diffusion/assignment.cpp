#include "ddpm/diffusion/assignment.h"

#include <limits>

namespace ddpm {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The assignment of the rows so far, with the dual prices that prove it cheapest. Row and column 0
/// stand for "none".
struct Duals {
  std::vector<double> row_price;
  std::vector<double> column_price;
  std::vector<size_t> row_of;  // of each column
};

/// Grows a tree of tight edges from `row` until it reaches a free column, then flips the path.
void add_row(std::span<const double> costs, size_t n, size_t row, Duals& duals) {
  std::vector<double> slack(n + 1, kInfinity);
  std::vector<size_t> previous(n + 1, 0);
  std::vector<bool> in_tree(n + 1, false);
  size_t column = 0;
  duals.row_of[0] = row;
  do {
    in_tree[column] = true;
    const size_t from = duals.row_of[column];
    double step = kInfinity;
    size_t nearest = 0;
    for (size_t j = 1; j <= n; ++j) {
      if (in_tree[j]) continue;
      const double reduced =
          costs[(from - 1) * n + j - 1] - duals.row_price[from] - duals.column_price[j];
      if (reduced < slack[j]) {
        slack[j] = reduced;
        previous[j] = column;
      }
      if (slack[j] < step) {
        step = slack[j];
        nearest = j;
      }
    }
    for (size_t j = 0; j <= n; ++j) {
      if (in_tree[j]) {
        duals.row_price[duals.row_of[j]] += step;
        duals.column_price[j] -= step;
      } else {
        slack[j] -= step;
      }
    }
    column = nearest;
  } while (duals.row_of[column] != 0);
  for (; column != 0; column = previous[column])
    duals.row_of[column] = duals.row_of[previous[column]];
}

}  // namespace

std::vector<int64_t> cheapest_assignment(std::span<const double> costs, int64_t n) {
  const auto size = static_cast<size_t>(n);
  Duals duals{std::vector<double>(size + 1), std::vector<double>(size + 1),
              std::vector<size_t>(size + 1, 0)};
  for (size_t row = 1; row <= size; ++row)
    add_row(costs, size, row, duals);
  std::vector<int64_t> column_of(size);
  for (size_t j = 1; j <= size; ++j)
    column_of[duals.row_of[j] - 1] = static_cast<int64_t>(j - 1);
  return column_of;
}

std::vector<double> squared_distances(std::span<const float> rows, std::span<const float> columns,
                                      int64_t size) {
  const auto width = static_cast<size_t>(size);
  const size_t n = rows.size() / width;
  std::vector<double> distances;
  distances.reserve(n * n);
  for (size_t i = 0; i < n; ++i) {
    const float* const a = rows.data() + i * width;
    for (size_t j = 0; j < n; ++j) {
      const float* const b = columns.data() + j * width;
      float sum = 0.0F;
      for (size_t k = 0; k < width; ++k)
        sum += (a[k] - b[k]) * (a[k] - b[k]);
      distances.push_back(static_cast<double>(sum));
    }
  }
  return distances;
}

}  // namespace ddpm
