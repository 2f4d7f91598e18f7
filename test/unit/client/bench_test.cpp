#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "bench/histogram.hpp"
#include "bench/recorder.hpp"
#include "bench/verifier.hpp"
#include "bench/workload.hpp"

namespace strata::bench {
namespace {

using namespace std::chrono_literals;

// What Histogram::at() promises, computed the plain way.
std::uint64_t exact_at(const std::vector<std::uint64_t>& sorted, double quantile) {
  const auto rank = std::max(1.0, std::ceil(quantile * static_cast<double>(sorted.size())));
  return sorted[static_cast<std::size_t>(rank) - 1];
}

std::vector<std::uint64_t> random_values(std::mt19937_64& random) {
  std::vector<std::uint64_t> values(1 + random() % 3000);
  const auto bits = static_cast<unsigned>(1 + random() % 63);
  for (std::uint64_t& value : values) {
    value = random() >> (63 - random() % bits);
  }
  return values;
}

TEST_CASE("quantiles are those of the sorted values, at most a 256th above") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    Histogram histogram;
    std::vector<std::uint64_t> values = random_values(random);
    for (const std::uint64_t value : values) {
      histogram.record(value);
    }
    std::sort(values.begin(), values.end());
    CHECK(histogram.count() == values.size());
    CHECK(histogram.max() == values.back());
    for (const double quantile : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const std::uint64_t exact = exact_at(values, quantile);
      CAPTURE(quantile);
      CHECK(histogram.at(quantile) >= exact);
      CHECK(histogram.at(quantile) - exact <= exact / 256);
    }
  }
}

TEST_CASE("histograms add up and can be cleared") {
  Histogram one;
  Histogram two;
  one.record(10);
  two.record(1'000'000);
  one.add(two);
  CHECK(one.count() == 2);
  CHECK(one.at(0.5) == 10);
  CHECK(one.max() == 1'000'000);
  CHECK(one.mean() == doctest::Approx(500'005));
  one.clear();
  CHECK(one.count() == 0);
  CHECK(one.at(0.99) == 0);
}

TEST_CASE("the .hgrm file has its columns and ends at the hundredth percentile") {
  Histogram histogram;
  histogram.record(100);
  histogram.record(200);
  const std::string text = histogram.hgrm(100);
  CHECK(text.find("Value     Percentile TotalCount 1/(1-Percentile)") != std::string::npos);
  CHECK(text.find("1.000 0.500000000000          1           2.00") != std::string::npos);
  CHECK(text.find("2.000 1.000000000000          2            inf") != std::string::npos);
  CHECK(text.find("#[Max     =        2.000, Total count    =            2]") != std::string::npos);
}

WorkloadOptions small(Distribution distribution) {
  WorkloadOptions options;
  options.key_space = 1000;
  options.distribution = distribution;
  return options;
}

std::map<std::uint64_t, int> keys_of(Workload& workload, int operations) {
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < operations; ++i) {
    ++counts[workload.next().key];
  }
  return counts;
}

TEST_CASE("keys have their size and are told apart, and so are values") {
  const Workload workload(small(Distribution::uniform));
  CHECK(workload.key(7) == "k000000000000007");
  CHECK(workload.key(999) == "k000000000000999");
  CHECK(workload.value(1).size() == 100);
  CHECK(workload.value(1) != workload.value(2));
  CHECK(workload.value(1) == Workload(small(Distribution::zipf)).value(1));
}

TEST_CASE("the distributions are what they are called") {
  Workload uniform(small(Distribution::uniform));
  const auto even = keys_of(uniform, 100'000);
  CHECK(even.size() == 1000);
  CHECK(even.rbegin()->first == 999);
  for (const auto& [key, count] : even) {
    CHECK(count > 40);
    CHECK(count < 180);
  }
  Workload zipf(small(Distribution::zipf));
  int most = 0;
  for (const auto& [key, count] : keys_of(zipf, 100'000)) {
    CHECK(key < 1000);
    most = std::max(most, count);
  }
  CHECK(most > 8'000);
  Workload sequential(small(Distribution::sequential));
  for (std::uint64_t i = 0; i < 2500; ++i) {
    CHECK(sequential.next().key == i % 1000);
  }
}

TEST_CASE("the share of reads is kept") {
  WorkloadOptions options = small(Distribution::uniform);
  options.read_ratio = 0.25;
  Workload workload(options);
  int reads = 0;
  for (int i = 0; i < 10'000; ++i) {
    reads += workload.next().read ? 1 : 0;
  }
  CHECK(reads > 2300);
  CHECK(reads < 2700);
}

TEST_CASE("what is read at the end is judged by the newest acknowledged revision") {
  using Verdict = Verifier::Verdict;
  const Workload workload(small(Distribution::uniform));
  Verifier verifier(1000);
  verifier.acknowledged({.number = 2, .key = 5}, 20);
  verifier.acknowledged({.number = 1, .key = 5}, 10);
  verifier.unknown({.number = 3, .key = 5});
  CHECK(verifier.keys() == std::vector<std::uint64_t>{5});
  const auto judge = [&](std::uint64_t number, std::uint64_t revision) {
    return verifier.judge(workload, 5, client::Found{workload.value(number), revision});
  };
  CHECK(judge(2, 20) == Verdict::good);
  CHECK(judge(3, 30) == Verdict::good);
  CHECK(judge(1, 10) == Verdict::lost);
  CHECK(verifier.judge(workload, 5, std::nullopt) == Verdict::lost);
  CHECK(judge(1, 20) == Verdict::wrong);
  CHECK(judge(9, 30) == Verdict::wrong);
}

TEST_CASE("a recorder counts by the second, between begin and end, and finds the longest gap") {
  const Time start = Time() + 1h;
  Recorder recorder;
  recorder.completed(start - 2s, start - 1s);
  recorder.begin(start, start + 3s);
  recorder.completed(start, start + 100ms);
  recorder.completed(start, start + 200ms);
  recorder.completed(start + 2s, start + 2100ms);
  recorder.failed(client::ErrorCode::unknown);
  recorder.completed(start, start + 3s);
  recorder.end(start + 4s);
  recorder.completed(start, start + 5s);
  const Measurement measured = recorder.result();
  CHECK(measured.operations == 3);
  CHECK(measured.seconds == doctest::Approx(3));
  CHECK(measured.per_second == std::vector<std::uint64_t>{2, 0, 1});
  CHECK(measured.errors[static_cast<std::size_t>(client::ErrorCode::unknown)] == 1);
  CHECK(measured.longest_gap == 1900ms);
  CHECK(measured.longest_gap_at == doctest::Approx(0.2));
  CHECK(measured.latency.max() == 200'000'000);
  Histogram interval;
  CHECK(recorder.take_interval(interval) == 6);
  CHECK(recorder.take_interval(interval) == 0);
}

TEST_CASE("without a time to end at, the last completion ends the measurement") {
  const Time start = Time() + 1h;
  Recorder recorder;
  recorder.begin(start, Time::max());
  recorder.completed(start, start + 1s);
  recorder.end(start + 9s);
  CHECK(recorder.result().seconds == doctest::Approx(1));
}

}  // namespace
}  // namespace strata::bench
