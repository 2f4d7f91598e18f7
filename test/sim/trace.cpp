#include "sim/trace.hpp"

#include <cstring>

namespace strata::sim {

void Trace::mix(std::string_view text) {
  mix(text.size());
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(text.size(), sizeof word);
    std::memcpy(&word, text.data(), size);
    mix(word);
    text.remove_prefix(size);
  }
}

void Trace::begin(NodeId node, std::string_view what) {
  ++events_;
  mix(static_cast<std::uint64_t>(scheduler_.now().time_since_epoch().count()));
  mix(node.value);
  mix(what);
}

void Trace::text(NodeId node, std::string_view text) {
  begin(node, text);
  if (out_ != nullptr) {
    print(node, text);
  }
}

void Trace::print(NodeId node, std::string_view text) {
  const auto nanoseconds = scheduler_.now().time_since_epoch().count();
  fmt::print(out_, "{:4}.{:09} ", nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000);
  if (node == NodeId()) {
    fmt::print(out_, "world  {}\n", text);
  } else {
    fmt::print(out_, "node {} {}\n", node, text);
  }
}

}  // namespace strata::sim
