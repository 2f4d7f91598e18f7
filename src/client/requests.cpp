#include "client/requests.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace strata::client {

bool Request::is_local() const {
  const auto* get = std::get_if<wire::GetRequest>(&body);
  return get != nullptr && get->local;
}

bool Request::is_repeatable() const {
  const auto* set = std::get_if<wire::SetRequest>(&body);
  return set == nullptr || set->once.has_value();
}

std::uint32_t RequestTable::take_free_slot() {
  if (free_.empty()) {
    slots_.emplace_back();
    return static_cast<std::uint32_t>(slots_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  return index;
}

void RequestTable::append(std::uint32_t index) {
  slots_[index].before = last_;
  slots_[index].after = none;
  (last_ == none ? first_ : slots_[last_].after) = index;
  last_ = index;
}

void RequestTable::unlink(Slot& slot) {
  (slot.before == none ? first_ : slots_[slot.before].after) = slot.after;
  (slot.after == none ? last_ : slots_[slot.after].before) = slot.before;
}

RequestTable::Number RequestTable::add(Submission&& submission, SteadyTime deadline, bool own_deadline) {
  const std::uint32_t index = take_free_slot();
  Slot& slot = slots_[index];
  slot.used = true;
  slot.own_deadline = own_deadline;
  Request& request = slot.request;
  request.body = std::move(submission.body);
  request.done = std::move(submission.done);
  request.deadline = deadline;
  request.connection = nullptr;
  request.maybe_applied = false;
  request.refusals = 0;
  request.refusal.reset();
  const Number number = number_of(index, slot.generation);
  if (own_deadline) {
    own_deadlines_.emplace(deadline, number);
  } else {
    append(index);
  }
  ++size_;
  return number;
}

RequestTable::Slot* RequestTable::slot_of(Number number) {
  const auto index = static_cast<std::uint32_t>(number);
  if (index >= slots_.size()) {
    return nullptr;
  }
  Slot& slot = slots_[index];
  return slot.used && slot.generation == static_cast<std::uint32_t>(number >> 32) ? &slot : nullptr;
}

Request* RequestTable::find(Number number) {
  Slot* slot = slot_of(number);
  return slot == nullptr ? nullptr : &slot->request;
}

Callback RequestTable::remove(Number number) {
  Slot* slot = slot_of(number);
  STRATA_ASSERT(slot != nullptr);
  if (slot->own_deadline) {
    const auto [begin, end] = own_deadlines_.equal_range(slot->request.deadline);
    own_deadlines_.erase(std::find_if(begin, end, [&](const auto& entry) { return entry.second == number; }));
  } else {
    unlink(*slot);
  }
  slot->used = false;
  ++slot->generation;
  free_.push_back(static_cast<std::uint32_t>(number));
  --size_;
  return std::exchange(slot->request.done, Callback());
}

std::optional<RequestTable::Number> RequestTable::oldest() const {
  return first_ == none ? std::nullopt : std::optional(number_of(first_, slots_[first_].generation));
}

std::optional<RequestTable::Number> RequestTable::next_own_deadline() const {
  return own_deadlines_.empty() ? std::nullopt : std::optional(own_deadlines_.begin()->second);
}

std::optional<SteadyTime> RequestTable::first_deadline() const {
  if (first_ == none) {
    return own_deadlines_.empty() ? std::nullopt : std::optional(own_deadlines_.begin()->first);
  }
  const SteadyTime oldest = slots_[first_].request.deadline;
  return own_deadlines_.empty() ? oldest : std::min(oldest, own_deadlines_.begin()->first);
}

std::vector<RequestTable::Number> RequestTable::all() const {
  std::vector<Number> numbers;
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].used) {
      numbers.push_back(number_of(index, slots_[index].generation));
    }
  }
  return numbers;
}

}  // namespace strata::client
