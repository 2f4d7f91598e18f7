// kv-node's log: one event a line on standard error, as text or as JSON objects.
#pragma once

#include <memory>

#include "base/log.hpp"
#include "node/options.hpp"

namespace strata::node {

class EventLog : public Logger {
 public:
  // Changes the level from now on. Any thread.
  virtual void set_level(LogLevel level) = 0;
};

std::unique_ptr<EventLog> make_event_log(NodeId node, LogLevel level, LogFormat format);

}  // namespace strata::node
