#include "check.h"

#include <cstdio>
#include <cstring>
#include <exception>

namespace check {
namespace {
bool is_quick = false;
}

std::vector<Test> &tests() {
  static std::vector<Test> all;
  return all;
}

bool quick() { return is_quick; }

namespace {

/* Why it failed, or nothing. */
std::string outcome(const Test &test) {
  try {
    test.body();
  } catch (const Failure &failure) {
    return failure.what;
  } catch (const std::exception &error) {
    return error.what();
  }
  return {};
}

}  // namespace
}  // namespace check

/* Arguments: --quick, and parts of the names of the tests wanted. */
int main(int count, char **arguments) {
  std::vector<const char *> wanted;
  for (int each = 1; each < count; ++each)
    if (std::strcmp(arguments[each], "--quick") == 0)
      check::is_quick = true;
    else
      wanted.push_back(arguments[each]);
  int passed = 0, failed = 0;
  for (const check::Test &test : check::tests()) {
    bool runs = wanted.empty();
    for (const char *part : wanted) runs = runs || std::strstr(test.name, part) != nullptr;
    if (!runs) continue;
    const std::string why = check::outcome(test);
    ++(why.empty() ? passed : failed);
    if (!why.empty()) std::printf("FAILED %s\n  %s\n", test.name, why.c_str());
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
