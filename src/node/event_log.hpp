// kv-node's log: one event a line on standard error, as text or as JSON objects. A thread of its own writes the lines:
// standard error may be a file on a disk that hangs, or a pipe that nobody reads, and no heartbeat waits for that. When
// very many lines wait, the oldest are lost, and a line says how many.
#pragma once

#include <memory>

#include "base/log.hpp"
#include "base/time.hpp"
#include "node/options.hpp"

namespace strata::node {

class EventLog : public Logger {
 public:
  // Changes the level from now on. Any thread.
  virtual void set_level(LogLevel level) = 0;
  // False: what waited could not be written in time. Then this log is not to be destroyed, which would wait for it.
  virtual bool drain(Duration at_most) = 0;
};

std::unique_ptr<EventLog> make_event_log(NodeId node, LogLevel level, LogFormat format);

}  // namespace strata::node
