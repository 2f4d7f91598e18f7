#include "actors/durable_answers.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace strata::actors {

namespace {

constexpr std::string_view out_of_time_text = "the time ran out before a majority was known to have synced it";
constexpr std::string_view stopped_text = "the node stopped before a majority was known to have synced it";

}  // namespace

void DurableAnswers::rise(LogIndex up_to) {
  up_to_ = std::max(up_to_, up_to);
  while (!held_.empty() && covers(held_.begin()->first)) {
    auto next = held_.extract(held_.begin());
    outbox_.reply(next.mapped().request, std::move(next.mapped().body));
  }
}

void DurableAnswers::hold(LogIndex index, Answer answer) {
  due_ = std::min(due_, answer.deadline);
  held_.emplace(index, std::move(answer));
}

void DurableAnswers::expire(TimePoint now) {
  if (now < due_) {
    return;
  }
  due_ = TimePoint::max();
  std::erase_if(held_, [&](const auto& indexed) {
    const Answer& answer = indexed.second;
    if (answer.deadline <= now) {
      outbox_.error(answer.request, answer.otherwise, out_of_time_text);
      return true;
    }
    due_ = std::min(due_, answer.deadline);
    return false;
  });
}

void DurableAnswers::give_up() {
  for (const auto& [index, answer] : std::exchange(held_, {})) {
    outbox_.error(answer.request, answer.otherwise, stopped_text);
  }
}

}  // namespace strata::actors
