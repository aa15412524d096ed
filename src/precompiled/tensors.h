#pragma once

// What most sources that compute with tensors alone parse; parsed once. Each source still includes
// what it needs.
#include <torch/autograd.h>
#include <torch/types.h>
