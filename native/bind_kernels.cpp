/* The tables of kernels as Python sees them: which there are, which one runs, and, for tests, their functions of one
 * number. */
#include "ensue_core.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nb = nanobind;

namespace {

struct Kernels {
  const ensue_kernels *table;
};

template <typename Real>
using Line = nb::ndarray<const Real, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

using Function = void (*)(int64_t count, const void *x, void *y);

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const char *const *name = ensue_isa_names(); *name != nullptr; ++name) names.emplace_back(*name);
  return names;
}

std::string all_names() {
  std::string text;
  for (const std::string &name : isa_names()) text += "'" + name + "', ";
  return text.substr(0, text.size() - 2);
}

/* Only the name can be wrong: the caller's, or the one in ENSUE_ISA. */
Kernels kernels(const std::optional<std::string> &name) {
  if (const ensue_kernels *found = ensue_find_kernels(name ? name->c_str() : nullptr)) return {found};
  std::string message;
  if (name) {
    message = "There are no kernels '" + *name + "' here: choose from " + all_names() + ", 'double'.";
  } else {
    const char *wanted = std::getenv("ENSUE_ISA");
    message = "ENSUE_ISA is '" + std::string(wanted != nullptr ? wanted : "") + "', which does not run here: ";
    message += "choose from " + all_names() + ", or unset it.";
  }
  throw nb::value_error(message.c_str());
}

template <typename Real>
nb::ndarray<nb::numpy, Real, nb::ndim<1>> mapped(const ensue_kernels &table, Function function, const Line<Real> &x) {
  if (table.real_bytes != static_cast<int32_t>(sizeof(Real))) {
    const char *real = table.real_bytes == 8 ? "float64" : "float32";
    throw nb::type_error(("Kernels '" + std::string(table.name) + "' read " + real + ": convert the array.").c_str());
  }
  const size_t count = x.shape(0);
  std::unique_ptr<Real[]> y(new Real[count]);
  {
    nb::gil_scoped_release released;
    function(static_cast<int64_t>(count), x.data(), y.get());
  }
  Real *const numbers = y.get();
  nb::capsule owner(numbers, [](void *p) noexcept { delete[] static_cast<Real *>(p); });
  y.release();
  return nb::ndarray<nb::numpy, Real, nb::ndim<1>>(numbers, {count}, owner);
}

template <typename Real>
void bind_functions(nb::class_<Kernels> &kernels) {
  kernels
      .def("tanh", [](const Kernels &k, Line<Real> x) { return mapped<Real>(*k.table, k.table->tanh, x); },
           nb::arg("x").noconvert())
      .def("sigmoid", [](const Kernels &k, Line<Real> x) { return mapped<Real>(*k.table, k.table->sigmoid, x); },
           nb::arg("x").noconvert());
}

}  // namespace

void bind_kernels(nb::module_ &module) {
  nb::class_<Kernels> table(module, "Kernels");
  table.def_prop_ro("name", [](const Kernels &k) { return k.table->name; })
      .def_prop_ro("width", [](const Kernels &k) { return k.table->width; })
      .def_prop_ro("real_bytes", [](const Kernels &k) { return k.table->real_bytes; });
  bind_functions<float>(table);
  bind_functions<double>(table);
  module.def("isa_names", &isa_names);
  module.def("kernels", &kernels, nb::arg("name") = nb::none());
}
