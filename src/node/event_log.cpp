#include "node/event_log.hpp"

#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

namespace strata::node {

namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  assertion_failed("a log level without a counterpart");
}

class SpdlogEventLog final : public EventLog {
 public:
  SpdlogEventLog(NodeId node, LogLevel level, LogFormat format)
      : json_(format == LogFormat::json),
        logger_("kv-node", std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>()) {
    logger_.set_pattern(
        json_ ? fmt::format(R"({{"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","node":{},"event":%v}})", node)
              : fmt::format("%Y-%m-%d %H:%M:%S.%e %^%-7l%$ node {}: %v", node));
    logger_.flush_on(spdlog::level::debug);
    set_level(level);
  }

  void write(LogLevel level, std::string_view event) override {
    if (!json_) {
      logger_.log(spdlog_level(level), event);
    } else if (logger_.should_log(spdlog_level(level))) {
      logger_.log(spdlog_level(level), boost::json::serialize(boost::json::string(event)));
    }
  }

  void set_level(LogLevel level) override { logger_.set_level(spdlog_level(level)); }

 private:
  bool json_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<EventLog> make_event_log(NodeId node, LogLevel level, LogFormat format) {
  return std::make_unique<SpdlogEventLog>(node, level, format);
}

}  // namespace strata::node
