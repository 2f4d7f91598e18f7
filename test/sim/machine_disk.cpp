// What a machine's disk does to its process.
#include <utility>

#include "base/assert.hpp"
#include "sim/machine.hpp"
#include "sim/process.hpp"

namespace strata::sim {

namespace {

// By what fail_next is asked for.
std::optional<test::FileOperation> kind_of(test::FileOperation operation) {
  switch (operation) {
    case test::FileOperation::write:
    case test::FileOperation::create:
    case test::FileOperation::rename:
    case test::FileOperation::remove:
      return test::FileOperation::write;
    case test::FileOperation::sync:
    case test::FileOperation::sync_directory:
      return test::FileOperation::sync;
    case test::FileOperation::read:
      return test::FileOperation::read;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Error> Machine::trouble_in(const test::FileCall& call) {
  if (!fails_next_ || kind_of(call.operation) != fails_next_) {
    return std::nullopt;
  }
  fails_next_.reset();
  surroundings_.trace.event(id_, "which fails");
  call_has_failed_ = true;
  return Error{ErrorKind::io, "a call to the disk fails"};
}

// The process itself says that its disk has failed it.
void Machine::give_machine_up(const std::string& why) {
  if (ends_at_call_ && disk_.calls() >= *ends_at_call_) {
    return;
  }
  if (!disk_may_fail()) {
    fail(Invariant::starts_and_stops, "gives up its disk: " + why);
    return;
  }
  surroundings_.trace.text(id_, why);
  gives_up_ = true;
  has_given_up_ = true;
  // As the program does: it stops, and ends with a status of its own.
  surroundings_.scheduler.after(Duration::zero(), [this, life = life_] {
    if (life == life_) {
      stop(time_to_stop);
    }
  });
}

void Machine::slow_disk(Duration time, ServiceTime disk_time) {
  surroundings_.trace.event(id_, "its disk takes {} ns for {} ns", disk_time.typical.count(), time.count());
  set_disk_time(disk_time);
  surroundings_.scheduler.after(time, [this, phase = ++slow_disk_phase_] {
    if (phase == slow_disk_phase_) {
      set_disk_time(surroundings_.plan.disk_time);
    }
  });
}

void Machine::fill_disk(Duration time) {
  surroundings_.trace.event(id_, "its disk is full for {} ns", time.count());
  disk_is_full_ = true;
  disk_.set_full(true);
  surroundings_.scheduler.after(time, [this, phase = ++full_disk_phase_] {
    if (phase == full_disk_phase_) {
      disk_is_full_ = false;
      disk_.set_full(false);
    }
  });
}

void Machine::forget_at_next_sync() {
  is_damaged_ = true;
  disk_.forget_at_failed_sync();
  fail_next(test::FileOperation::sync);
}

void Machine::spoil_next_sync(test::Spoiling spoiling) {
  is_damaged_ = true;
  disk_.spoil_next_sync(spoiling, test::choose_by_seed(disk_random_.next()));
}

void Machine::rot() {
  is_damaged_ = disk_.rot(test::choose_by_seed(disk_random_.next())) || is_damaged_;
}

void Machine::replace_disk() {
  end(Ending::power_lost);
  surroundings_.trace.event(id_, "has an empty disk");
  is_damaged_ = true;
  disk_.replace();
}

bool Machine::bring_old_disk_back() {
  if (!old_disk_) {
    old_disk_ = disk_.copy();
    return false;
  }
  end(Ending::power_lost);
  surroundings_.trace.event(id_, "has its old disk back");
  is_damaged_ = true;
  disk_.become(*std::exchange(old_disk_, nullptr));
  return true;
}

}  // namespace strata::sim
