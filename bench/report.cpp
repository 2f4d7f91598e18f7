#include "bench/report.hpp"

#include <fmt/format.h>

#include "client/node_status.hpp"

namespace strata::bench {

namespace {

constexpr double ns_per_us = 1e3;
constexpr double ns_per_ms = 1e6;

double ms(std::uint64_t ns) {
  return static_cast<double>(ns) / ns_per_ms;
}
double us(std::uint64_t ns) {
  return static_cast<double>(ns) / ns_per_us;
}
double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

double rate(const Measurement& measured) {
  return measured.seconds > 0 ? static_cast<double>(measured.operations) / measured.seconds : 0;
}

double us_per_operation(double cpu_seconds, const Measurement& measured) {
  return measured.operations > 0 ? cpu_seconds * 1e6 / static_cast<double>(measured.operations) : 0;
}

std::string errors_text(const Measurement& measured) {
  std::string text;
  for (std::size_t code = 0; code < measured.errors.size(); ++code) {
    if (measured.errors[code] > 0) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", client::name_of(static_cast<client::ErrorCode>(code)),
                          measured.errors[code]);
    }
  }
  return text.empty() ? "none" : text;
}

std::string errors_json(const Measurement& measured) {
  std::string text;
  for (std::size_t code = 0; code < measured.errors.size(); ++code) {
    if (measured.errors[code] > 0) {
      text += fmt::format("{}\"{}\":{}", text.empty() ? "" : ",", client::name_of(static_cast<client::ErrorCode>(code)),
                          measured.errors[code]);
    }
  }
  return "{" + text + "}";
}

std::string_view name_of(Distribution distribution) {
  switch (distribution) {
    case Distribution::uniform:
      return "uniform";
    case Distribution::zipf:
      return "zipf";
    case Distribution::sequential:
      return "sequential";
  }
  return "";
}

std::string config_json(const LoadOptions& o) {
  std::string endpoints;
  for (const std::string& endpoint : o.endpoints) {
    endpoints += (endpoints.empty() ? "" : ",") + client::json_string(endpoint);
  }
  return fmt::format(
      R"({{"endpoints":[{}],"connections":{},"pipeline":{},"duration_s":{},"operations":{},"warmup_s":{},)"
      R"("key_space":{},"key_size":{},"value_size":{},"distribution":"{}","read_ratio":{},"batch":1,"rate":{},)"
      R"("seed":{},"verify":{},"spawn":{}}})",
      endpoints, o.connections, o.pipeline, seconds(o.duration), o.operations, seconds(o.warmup), o.workload.key_space,
      o.workload.key_size, o.workload.value_size, name_of(o.workload.distribution), o.workload.read_ratio, o.rate,
      o.workload.seed, o.verify, o.spawn);
}

std::string verify_text(const VerifyResult& verified) {
  return fmt::format("verified       {} keys: {} lost, {} wrong, {} not readable\n", verified.keys, verified.lost,
                     verified.wrong, verified.unread);
}

}  // namespace

std::string live_line(double at, double per_second, const Histogram& latency, std::uint64_t errors) {
  return fmt::format("{:>5.0f} s {:>9.0f}/s   p50 {:.2f} ms   p99 {:.2f} ms   errors {}", at, per_second,
                     ms(latency.at(0.5)), ms(latency.at(0.99)), errors);
}

std::string table(const Report& report, const LoadOptions& options) {
  const Measurement& m = report.measured;
  const Histogram& l = m.latency;
  std::string text;
  text += fmt::format("operations     {} in {:.2f} s\n", m.operations, m.seconds);
  text += fmt::format("rate           {:.0f}/s\n", rate(m));
  text += fmt::format("latency        mean {:.3f}  p50 {:.3f}  p90 {:.3f}  p99 {:.3f}  p99.9 {:.3f}  max {:.3f} ms{}\n",
                      l.mean() / ns_per_ms, ms(l.at(0.5)), ms(l.at(0.9)), ms(l.at(0.99)), ms(l.at(0.999)), ms(l.max()),
                      options.rate > 0 ? " from when it was due" : "");
  text += fmt::format("errors         {}\n", errors_text(m));
  text += fmt::format("longest gap    {:.1f} ms without a completed operation, from {:.2f} s on\n",
                      seconds(m.longest_gap) * 1e3, m.longest_gap_at);
  text += fmt::format("CPU            {:.2f} us an operation in this program",
                      us_per_operation(report.client_cpu_seconds, m));
  text += options.spawn == 0
              ? "\n"
              : fmt::format(", {:.2f} in the {} nodes\n", us_per_operation(report.nodes_cpu_seconds, m), options.spawn);
  return report.verified ? text + verify_text(*report.verified) : text;
}

std::string json(const Report& report, const LoadOptions& options) {
  const Measurement& m = report.measured;
  const Histogram& l = m.latency;
  std::string text = fmt::format(R"({{"operations":{},"errors":{},"seconds":{:.6f},"ops_per_s":{:.1f},)", m.operations,
                                 errors_json(m), m.seconds, rate(m));
  text += fmt::format(
      R"("latency_us":{{"mean":{:.1f},"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"p999":{:.1f},"max":{:.1f}}},)",
      l.mean() / ns_per_us, us(l.at(0.5)), us(l.at(0.9)), us(l.at(0.99)), us(l.at(0.999)), us(l.max()));
  text += fmt::format(R"("per_second":[{}],)", fmt::join(m.per_second, ","));
  text += fmt::format(R"("longest_gap_ms":{:.1f},"longest_gap_at_s":{:.3f},)", seconds(m.longest_gap) * 1e3,
                      m.longest_gap_at);
  text += fmt::format(R"("client_cpu_us_per_op":{:.3f},)", us_per_operation(report.client_cpu_seconds, m));
  if (options.spawn > 0) {
    text += fmt::format(R"("nodes_cpu_us_per_op":{:.3f},)", us_per_operation(report.nodes_cpu_seconds, m));
  }
  if (report.verified) {
    const VerifyResult& v = *report.verified;
    text +=
        fmt::format(R"("verify":{{"keys":{},"lost":{},"wrong":{},"unread":{}}},)", v.keys, v.lost, v.wrong, v.unread);
  }
  return text + fmt::format(R"("config":{}}})", config_json(options)) + "\n";
}

}  // namespace strata::bench
