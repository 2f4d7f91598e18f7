#include "net/agreement.hpp"

#include <fmt/format.h>

#include <utility>

namespace strata::net {

bool Agreement::heard(NodeId from, const wire::Hello& hello) {
  std::string now = difference(hello);
  std::string& known = differences_[from];
  if (now == known) {
    return false;
  }
  known = std::move(now);
  if (known.empty()) {
    logger_.info("member {} runs with this node's settings now", from);
    return false;
  }
  logger_.error("member {} disagrees: {}; they must be the same on all members", from, known);
  if (is_outvoted() && !std::exchange(stopped_, true)) {
    stop_({ErrorKind::mismatch,
           fmt::format("the members disagree with this node, which stops: member {}: {}", from, known)});
  }
  return true;
}

std::string Agreement::difference(const wire::Hello& hello) const {
  std::string text;
  if (hello.ack != own_.ack) {
    text = fmt::format("--ack is {} there and {} here", name_of(hello.ack), name_of(own_.ack));
  }
  if (hello.max_sessions != own_.max_sessions) {
    text += fmt::format("{}--max-sessions is {} there and {} here", text.empty() ? "" : ", ", hello.max_sessions,
                        own_.max_sessions);
  }
  return text;
}

// Whom it has not heard counts as being of its mind.
bool Agreement::is_outvoted() const {
  std::size_t agreeing = members_;
  for (const auto& [member, text] : differences_) {
    agreeing -= text.empty() ? 0U : 1U;
  }
  return agreeing < members_ / 2 + 1;
}

}  // namespace strata::net
