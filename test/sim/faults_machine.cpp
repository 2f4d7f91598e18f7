// The faults of processes, machines, disks and clocks that strike now and then.
#include <optional>
#include <utility>

#include "sim/faults.hpp"

namespace strata::sim {

void Faults::start_later(NodeId node) {
  later(draw(world_.plan().down_time), [this, node] {
    Machine& machine = world_.machine(node);
    if (!machine.is_up()) {
      machine.start();
    }
    if (!machine.is_up() || machine.is_stopping()) {
      start_later(node);  // it was told to crash while it starts, or has not stopped yet
    }
  });
}

void Faults::end(NodeId node, Ending ending) {
  world_.machine(node).end(ending);
  start_later(node);
}

void Faults::kill() {
  end(draw_victim(), Ending::process_killed);
}

void Faults::lose_power() {
  end(draw_victim(), Ending::power_lost);
}

void Faults::lose_much_power() {
  const std::size_t majority = world_.plan().nodes / 2 + 1;
  const std::size_t count = random_.chance(500) ? world_.plan().nodes : majority;
  std::vector<NodeId> order = draw_order();
  order.resize(count);
  for (const NodeId node : order) {
    end(node, Ending::power_lost);
  }
}

void Faults::crash_in_call() {
  const FaultWeights& faults = world_.plan().faults;
  const bool power_may_go = faults[Fault::power_loss] + faults[Fault::wide_power_loss] > 0;
  const Ending ending = power_may_go && random_.chance(500) ? Ending::power_lost : Ending::process_killed;
  const NodeId node = draw_victim();
  Machine& machine = world_.machine(node);
  if (random_.chance(300)) {
    machine.end(ending);
    machine.end_in_disk_call(random_.below(30), ending);  // while it starts again
  } else {
    machine.end_in_disk_call(random_.below(20), ending);
  }
  start_later(node);
}

void Faults::stop_cleanly() {
  const NodeId node = draw_victim();
  world_.machine(node).stop(time_to_stop);
  start_later(node);
}

void Faults::roll() {
  roll_on(draw_order());
}

void Faults::roll_on(std::vector<NodeId> left) {
  if (left.empty()) {
    return;
  }
  const NodeId node = left.back();
  left.pop_back();
  world_.machine(node).stop(time_to_stop);
  roll_back_up(node, std::move(left));
}

void Faults::roll_back_up(NodeId node, std::vector<NodeId> left) {
  later(std::chrono::milliseconds(20), [this, node, left = std::move(left)] {
    Machine& machine = world_.machine(node);
    if (machine.is_stopping()) {
      roll_back_up(node, left);
      return;
    }
    if (!machine.is_up()) {
      machine.start();
    }
    if (!machine.is_up()) {
      start_later(node);
    }
    later(draw(world_.plan().down_time), [this, left] { roll_on(left); });
  });
}

void Faults::storm() {
  const std::uint64_t times = 3 + random_.below(8);
  kill_again(draw_victim(), times);
}

void Faults::kill_again(NodeId node, std::uint64_t times) {
  Machine& machine = world_.machine(node);
  if (machine.is_hard_to_find_out()) {
    return;
  }
  machine.end(Ending::process_killed);
  machine.start();
  if (times > 1) {
    later(draw(std::chrono::milliseconds(30)), [this, node, times] { kill_again(node, times - 1); });
  } else if (!machine.is_up()) {
    start_later(node);
  }
}

void Faults::pause() {
  const bool is_long = random_.chance(50);
  const Duration longest = random_.between(std::chrono::seconds(1), std::chrono::seconds(60));
  const Duration usual = draw_time();
  world_.machine(draw_victim()).pause(is_long ? longest : usual);
}

void Faults::slow_cpu() {
  const Duration typical = random_.between(std::chrono::microseconds(100), std::chrono::milliseconds(20));
  const Duration time = draw_time();
  world_.machine(draw_victim()).slow_down(time, typical);
}

void Faults::slow_disk() {
  const Duration typical = random_.between(std::chrono::milliseconds(1), std::chrono::milliseconds(500));
  const Duration time = draw_time();
  world_.machine(draw_victim()).slow_disk(time, {Duration::zero(), typical});
}

void Faults::hang_disk() {
  const bool is_long = random_.chance(200);
  const Duration longest = random_.between(std::chrono::seconds(1), std::chrono::seconds(60));
  const Duration usual = draw_time();
  const Duration time = is_long ? longest : usual;
  world_.machine(draw_victim()).slow_disk(time, {time, Duration::zero()});
}

void Faults::fill_disk() {
  const Duration time = draw_time();
  world_.machine(draw_victim()).fill_disk(time);
  start_given_up();
}

template <test::FileOperation operation>
void Faults::fail_call() {
  world_.machine(draw_victim()).fail_next(operation);
  start_given_up();
}

template void Faults::fail_call<test::FileOperation::write>();
template void Faults::fail_call<test::FileOperation::sync>();
template void Faults::fail_call<test::FileOperation::read>();

void Faults::forget_at_sync() {
  world_.machine(draw_victim()).forget_at_next_sync();
  start_given_up();
}

// Always the same few: a majority keeps what it has.
std::optional<NodeId> Faults::draw_decaying() {
  if (!decaying_) {
    decaying_ = draw_order();
    decaying_->resize((world_.plan().nodes - 1) / 2);
  }
  if (decaying_->empty()) {
    return std::nullopt;
  }
  const std::uint64_t place = random_.below(decaying_->size());
  return (*decaying_)[place];
}

// That shows when the power is lost, and some more was synced by then.
template <test::Spoiling spoiling>
void Faults::spoil_sync() {
  if (const auto node = draw_decaying()) {
    world_.machine(*node).spoil_next_sync(spoiling);
    later(draw_time(), [this, node] { end(*node, Ending::power_lost); });
  }
}

template void Faults::spoil_sync<test::Spoiling::lost>();
template void Faults::spoil_sync<test::Spoiling::misdirected>();

// Who runs finds it out when it reads that place; else the next start does.
void Faults::rot() {
  if (const auto node = draw_decaying()) {
    world_.machine(*node).rot();
    start_given_up();
    if (random_.chance(500)) {
      end(*node, Ending::process_killed);
    }
  }
}

// Only of those that decay, too; and one at a time: two that rejoin would wait for each other.
void Faults::replace_disk() {
  const auto node = draw_decaying();
  if (node && world_.may_lose_a_disk()) {
    world_.machine(*node).replace_disk();
    start_later(*node);
  }
}

// What the others can find out: all of them have recorded a later start. Until then, there is one more.
void Faults::bring_old_disk_back() {
  const auto node = draw_decaying();
  if (!node || !world_.may_lose_a_disk()) {
    return;
  }
  Machine& machine = world_.machine(*node);
  if (machine.keeps_old_disk() && !world_.others_know_later_start(*node)) {
    end(*node, Ending::process_killed);
  } else if (machine.bring_old_disk_back()) {
    start_later(*node);
    replace_old_disk_later(*node);
  }
}

// Its process is turned away, and somebody sees why.
void Faults::replace_old_disk_later(NodeId node) {
  later(draw(world_.plan().down_time), [this, node] {
    Machine& machine = world_.machine(node);
    if (machine.was_turned_away() && !machine.is_up()) {
      machine.replace_disk();
      start_later(node);
    } else if (machine.has_old_disk()) {
      replace_old_disk_later(node);
    }
  });
}

// A process that its disk has failed stops some time later, and somebody starts it again.
void Faults::start_given_up() {
  if (std::exchange(looks_for_given_up_, true)) {
    return;
  }
  later(std::chrono::milliseconds(200), [this] {
    looks_for_given_up_ = false;
    for (const NodeId node : world_.nodes()) {
      if (world_.machine(node).take_given_up()) {
        start_later(node);
      }
    }
    start_given_up();
  });
}

void Faults::ring_late() {
  const Duration lateness = random_.between(std::chrono::milliseconds(1), std::chrono::seconds(2));
  const Duration time = draw_time();
  world_.machine(draw_victim()).ring_late(time, lateness);
}

void Faults::step_clock() {
  const bool is_long = random_.chance(100);
  const Duration farthest = random_.between(std::chrono::seconds(1), std::chrono::hours(1));
  const Duration usual = draw_time();
  world_.machine(draw_victim()).step_clock(is_long ? farthest : usual);
}

}  // namespace strata::sim
