/* As much of a test framework as these tests need: tests that register themselves, checks that say what was found, and a
 * last line `N passed, M failed`. A check that fails ends its test. */
#ifndef ENSUE_TESTS_CHECK_H
#define ENSUE_TESTS_CHECK_H

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace check {

struct Failure {
  std::string what;
};

using Body = void (*)();

struct Test {
  const char *name;
  Body body;
};

std::vector<Test> &tests();

struct Registered {
  Registered(const char *name, Body body) { tests().push_back({name, body}); }
};

/* True where time is short: under valgrind, under a sanitizer, on another machine's emulator. */
bool quick();

template <typename... Parts>
[[noreturn]] void fail(const char *file, int line, const Parts &...parts) {
  std::ostringstream text;
  text.precision(17);
  text << file << ":" << line << ": ";
  (text << ... << parts);
  throw Failure{text.str()};
}

}  // namespace check

#define CHECK_JOINED_OF(a, b) a##b
#define CHECK_JOINED(a, b) CHECK_JOINED_OF(a, b)

/* TEST("what must hold") { ... } */
#define TEST(name) TEST_AS(name, CHECK_JOINED(test_, __COUNTER__))
#define TEST_AS(name, id)                                                 \
  static void id();                                                       \
  static const check::Registered CHECK_JOINED(registered_, id)(name, id); \
  static void id()

/* What follows the condition is printed where it does not hold. */
#define CHECK(condition, ...) \
  ((condition) ? void() : check::fail(__FILE__, __LINE__, #condition " does not hold; ", __VA_ARGS__))

#endif
