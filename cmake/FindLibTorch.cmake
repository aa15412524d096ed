# Finds LibTorch without a toolkit: any folder with include/ and lib/ of a PyTorch wheel or a libtorch zip.
#   TORCH_ROOT        where to look (default: .deps/python/torch of this project)
# Defines
#   LibTorch::cpu     libtorch_cpu and libc10, the only libraries the program is linked to
#   LibTorch::cuda    libtorch_cuda, libc10_cuda and libcudart, where they and CUDA's headers are there
set(TORCH_ROOT "${PROJECT_SOURCE_DIR}/.deps/python/torch" CACHE PATH "Folder with LibTorch's include/ and lib/")

find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h
  HINTS "${TORCH_ROOT}/include" NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu HINTS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 HINTS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_CUDA_LIBRARY torch_cuda HINTS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda HINTS "${TORCH_ROOT}/lib" NO_DEFAULT_PATH)

if(EXISTS "${TORCH_ROOT}/version.py")
  file(STRINGS "${TORCH_ROOT}/version.py" LibTorch_VERSION_LINE REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${LibTorch_VERSION_LINE}")
elseif(EXISTS "${TORCH_ROOT}/build-version")
  file(STRINGS "${TORCH_ROOT}/build-version" LibTorch_VERSION_LINE LIMIT_COUNT 1)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${LibTorch_VERSION_LINE}")
endif()

file(GLOB LibTorch_GOMP_LIBRARY "${TORCH_ROOT}/lib/libgomp*.so*")
if(NOT LibTorch_GOMP_LIBRARY)
  set(LibTorch_GOMP_LIBRARY gomp)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or give -DTORCH_ROOT=FOLDER")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE
    "${LibTorch_INCLUDE_DIR}" "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  target_link_libraries(LibTorch::cpu INTERFACE "${LibTorch_CPU_LIBRARY}" "${LibTorch_C10_LIBRARY}")
  # The wheel's libraries find the NVIDIA ones beside them by their own run paths.
  target_link_options(LibTorch::cpu INTERFACE -Wl,--allow-shlib-undefined)
  target_compile_features(LibTorch::cpu INTERFACE cxx_std_20)
  # at::parallel_for is a template around an OpenMP pragma: without this option it runs on one
  # thread. The runtime must be LibTorch's own, so that there is one pool of threads.
  target_compile_options(LibTorch::cpu INTERFACE -fopenmp)
  target_link_libraries(LibTorch::cpu INTERFACE "${LibTorch_GOMP_LIBRARY}")
endif()

# The wheel set's own CUDA runtime; a toolkit on the machine may be another version.
file(GLOB LibTorch_CUDA_FOLDER "${TORCH_ROOT}/../nvidia/cu[0-9]*")
file(GLOB LibTorch_CUDART_LIBRARY "${TORCH_ROOT}/../nvidia/cu[0-9]*/lib/libcudart.so.[0-9]*")
if(LibTorch_FOUND AND LibTorch_CUDA_LIBRARY AND LibTorch_C10_CUDA_LIBRARY AND LibTorch_CUDART_LIBRARY
    AND NOT TARGET LibTorch::cuda)
  add_library(LibTorch::cuda INTERFACE IMPORTED)
  target_include_directories(LibTorch::cuda SYSTEM INTERFACE "${LibTorch_CUDA_FOLDER}/include")
  target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu
    "${LibTorch_CUDA_LIBRARY}" "${LibTorch_C10_CUDA_LIBRARY}" "${LibTorch_CUDART_LIBRARY}")
endif()
