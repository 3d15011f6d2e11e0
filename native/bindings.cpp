/* The extension module ensue._native: every room of it has its file bind_*.cpp. */
#include <nanobind/nanobind.h>

void bind_kernels(nanobind::module_ &module);
void bind_lstm(nanobind::module_ &module);
void bind_network(nanobind::module_ &module);
void bind_forecaster(nanobind::module_ &module);

NB_MODULE(_native, module) {
  module.doc() = "Ensue's native core: what ensue.learn and ensue.runtime compute with where it could be built.";
  bind_kernels(module);
  bind_lstm(module);
  bind_network(module);
  bind_forecaster(module);
}
