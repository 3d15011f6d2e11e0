/* An LSTM layer as its equations have it, in double precision, forward and backward: what the kernels are held against. */
#ifndef ENSUE_TESTS_REFERENCE_H
#define ENSUE_TESTS_REFERENCE_H

#include <cmath>
#include <cstdint>
#include <vector>

using Doubles = std::vector<double>;

/* A layer in one direction with all it is given, batch x time x numbers without gaps. */
struct Problem {
  int64_t input, hidden, batch, time;
  bool reverse;
  Doubles weight_ih, weight_hh, bias, x, h, c;
  Doubles dy, dh, dc;           /* for the way back alone */
  std::vector<int64_t> lengths; /* of each row; always there */
};

struct Answer {
  Doubles y, h, c;
  Doubles trace; /* i, f, g, o, c, h, each batch x time x hidden; zero beyond a length */
  Doubles dx, dh, dc, dweight_ih, dweight_hh, dbias;
};

/* One row of the batch, from its first step to its last and back. */
class Row {
 public:
  Row(const Problem &problem, int64_t row, Answer &answer)
      : p_(problem), row_(row), answer_(answer), length_(problem.lengths[static_cast<size_t>(row)]) {}

  void forward() {
    const double *h = &p_.h[at(row_, p_.hidden)], *c = &p_.c[at(row_, p_.hidden)];
    h_.assign(1, Doubles(h, h + p_.hidden));
    c_.assign(1, Doubles(c, c + p_.hidden));
    for (int64_t t = 0; t < length_; ++t) step(t);
    for (int64_t unit = 0; unit < p_.hidden; ++unit) {
      answer_.h[at(row_, p_.hidden, unit)] = h_.back()[static_cast<size_t>(unit)];
      answer_.c[at(row_, p_.hidden, unit)] = c_.back()[static_cast<size_t>(unit)];
    }
  }

  void backward() {
    const double *dh = &p_.dh[at(row_, p_.hidden)], *dc = &p_.dc[at(row_, p_.hidden)];
    Doubles back_h(dh, dh + p_.hidden), back_c(dc, dc + p_.hidden);
    for (int64_t t = length_ - 1; t >= 0; --t) step_back(t, back_h, back_c);
    for (int64_t unit = 0; unit < p_.hidden; ++unit) {
      answer_.dh[at(row_, p_.hidden, unit)] = back_h[static_cast<size_t>(unit)];
      answer_.dc[at(row_, p_.hidden, unit)] = back_c[static_cast<size_t>(unit)];
    }
  }

 private:
  static size_t at(int64_t row, int64_t width, int64_t column = 0) { return static_cast<size_t>(row * width + column); }
  static double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }
  int64_t place(int64_t t) const { return row_ * p_.time + (p_.reverse ? length_ - 1 - t : t); }

  void step(int64_t t) {
    const int64_t hidden = p_.hidden;
    const Doubles &h = h_.back(), &c = c_.back();
    Doubles gates(static_cast<size_t>(4 * hidden)), h_after(h.size()), c_after(c.size());
    for (int64_t gate = 0; gate < 4 * hidden; ++gate) {
      double sum = p_.bias[static_cast<size_t>(gate)];
      for (int64_t k = 0; k < p_.input; ++k) sum += p_.weight_ih[at(gate, p_.input, k)] * p_.x[at(place(t), p_.input, k)];
      for (int64_t k = 0; k < hidden; ++k) sum += p_.weight_hh[at(gate, hidden, k)] * h[static_cast<size_t>(k)];
      gates[static_cast<size_t>(gate)] = gate / hidden == 2 ? std::tanh(sum) : sigmoid(sum);
    }
    for (size_t u = 0, n = h.size(); u < n; ++u) {
      c_after[u] = gates[n + u] * c[u] + gates[u] * gates[2 * n + u];
      h_after[u] = gates[3 * n + u] * std::tanh(c_after[u]);
      answer_.y[at(place(t), hidden) + u] = h_after[u];
      const double seen[] = {gates[u], gates[n + u], gates[2 * n + u], gates[3 * n + u], c_after[u], h_after[u]};
      for (size_t kind = 0; kind < 6; ++kind) answer_.trace[kind * answer_.y.size() + at(place(t), hidden) + u] = seen[kind];
    }
    gates_.push_back(gates);
    h_.push_back(h_after);
    c_.push_back(c_after);
  }

  void step_back(int64_t t, Doubles &dh, Doubles &dc) {
    const int64_t hidden = p_.hidden;
    const size_t n = dh.size(), now = static_cast<size_t>(t);
    const Doubles &gates = gates_[now], &c = c_[now], &h = h_[now];
    Doubles sums(4 * n);
    for (size_t u = 0; u < n; ++u) {
      const double i = gates[u], f = gates[n + u], g = gates[2 * n + u], o = gates[3 * n + u];
      const double shown = std::tanh(c_[now + 1][u]), d = dh[u] + p_.dy[at(place(t), hidden) + u];
      const double e = dc[u] + d * o * (1 - shown * shown);
      sums[u] = e * g * i * (1 - i);
      sums[n + u] = e * c[u] * f * (1 - f);
      sums[2 * n + u] = e * i * (1 - g * g);
      sums[3 * n + u] = d * shown * o * (1 - o);
      dc[u] = e * f;
      dh[u] = 0;
    }
    for (int64_t gate = 0; gate < 4 * hidden; ++gate) {
      const double d = sums[static_cast<size_t>(gate)];
      answer_.dbias[static_cast<size_t>(gate)] += d;
      for (int64_t k = 0; k < p_.input; ++k) {
        answer_.dweight_ih[at(gate, p_.input, k)] += d * p_.x[at(place(t), p_.input, k)];
        answer_.dx[at(place(t), p_.input, k)] += d * p_.weight_ih[at(gate, p_.input, k)];
      }
      for (int64_t k = 0; k < hidden; ++k) {
        answer_.dweight_hh[at(gate, hidden, k)] += d * h[static_cast<size_t>(k)];
        dh[static_cast<size_t>(k)] += d * p_.weight_hh[at(gate, hidden, k)];
      }
    }
  }

  const Problem &p_;
  const int64_t row_;
  Answer &answer_;
  const int64_t length_;
  std::vector<Doubles> gates_, h_, c_;
};

inline Answer solve(const Problem &p, bool back) {
  Answer answer;
  answer.y.assign(static_cast<size_t>(p.batch * p.time * p.hidden), 0.0);
  answer.trace.assign(6 * answer.y.size(), 0.0);
  answer.h = p.h;
  answer.c = p.c;
  answer.dx.assign(p.x.size(), 0.0);
  answer.dh = p.h;
  answer.dc = p.c;
  answer.dweight_ih.assign(p.weight_ih.size(), 0.0);
  answer.dweight_hh.assign(p.weight_hh.size(), 0.0);
  answer.dbias.assign(p.bias.size(), 0.0);
  for (int64_t row = 0; row < p.batch; ++row) {
    Row one(p, row, answer);
    one.forward();
    if (back) one.backward();
  }
  return answer;
}

#endif
