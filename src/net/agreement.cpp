#include "net/agreement.hpp"

#include <fmt/format.h>

#include <utility>

namespace strata::net {

bool Agreement::heard(NodeId from, const wire::Hello& hello) {
  return learn(from, difference(hello));
}

void Agreement::heard_stranger(NodeId member, const std::string& difference, TimePoint now) {
  if (knows_member_) {
    return;
  }
  const TimePoint since = strangers_.try_emplace(member, now).first->second;
  if (now - since >= strangers_patience) {
    learn(member, difference);
  }
}

void Agreement::knows_member() {
  if (!std::exchange(knows_member_, true)) {
    differences_.clear();  // all of strangers: a member's own is heard after this
  }
}

bool Agreement::learn(NodeId member, std::string difference) {
  std::string& known = differences_[member];
  if (difference == known) {
    return false;
  }
  known = std::move(difference);
  if (known.empty()) {
    logger_.info("member {} runs with this node's settings now", member);
    return false;
  }
  logger_.error("member {} disagrees: {}; they must be the same on all members", member, known);
  if (is_outvoted() && !std::exchange(stopped_, true)) {
    stop_({ErrorKind::mismatch,
           fmt::format("the members disagree with this node, which stops: member {}: {}", member, known)});
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
