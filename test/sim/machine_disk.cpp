// What a machine's disk does to its process.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/assert.hpp"
#include "sim/decay.hpp"
#include "sim/disk_image.hpp"
#include "sim/machine.hpp"
#include "sim/process.hpp"
#include "wal/snapshot.hpp"

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
  // The mark of a running node is on another disk.
  const bool elsewhere = call.path == run_directory || call.path.starts_with(std::string(run_directory) + "/");
  const bool is_meant = call.path.find(fails_in_) != std::string_view::npos;
  if (elsewhere || !is_meant || !fails_next_ || kind_of(call.operation) != fails_next_) {
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
  if (!call_has_failed_ && !disk_.has_decayed()) {  // that it is full is no reason
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
  disk_.forget_at_failed_sync();
  fail_next(test::FileOperation::sync);
}

void Machine::spoil_next_sync(test::Spoiling spoiling) {
  disk_.spoil_next_sync(spoiling, test::choose_by_seed(disk_random_.next()));
  may_be_spoilt_ = true;
}

// What is spoilt shows now, as far as the node must find it out.
void Machine::settle_spoilt() {
  if (!may_be_spoilt_) {
    return;
  }
  const Provable provable(id_, disk_);
  disk_.limit_spoilt([&](const std::string& path, std::uint64_t end) { return end <= provable.bytes_of(path); });
}

void Machine::rot() {
  const Provable provable(id_, disk_);
  if (provable.files().empty()) {
    return;
  }
  constexpr std::uint64_t bits = 8;
  const std::string& path = provable.files()[disk_random_.below(provable.files().size())];
  const std::uint64_t offset = disk_random_.below(provable.bytes_of(path));
  const std::uint64_t bit = disk_random_.below(bits);
  surroundings_.trace.text(id_, fmt::format("bit {} of byte {} of {} is flipped", bit, offset, path));
  surroundings_.oracles.disk_will_decay(id_);
  disk_.rot(path, offset, static_cast<unsigned>(bit));
  if (wal::snapshot_index(path.substr(path.rfind('/') + 1))) {
    surroundings_.oracles.snapshot_decays(id_);
  }
}

void Machine::rot_entry(LogIndex index, std::uint64_t byte) {
  STRATA_ASSERT(!is_up());
  const RecordPlace place = find_record(id_, disk_, index);
  disk_.rot(place.path, place.offset + byte, 0);
}

void Machine::replace_disk(bool rejoins) {
  end(Ending::power_lost);
  surroundings_.trace.event(id_, "has an empty disk");
  surroundings_.oracles.loses_disk(id_);
  is_empty_or_old_ = true;
  rejoins_ = rejoins;
  was_turned_away_ = has_old_disk_ = false;
  disk_.replace();
}

bool Machine::bring_old_disk_back() {
  if (!old_disk_) {
    old_disk_ = disk_.copy();
    return false;
  }
  end(Ending::power_lost);
  surroundings_.trace.event(id_, "has its old disk back");
  surroundings_.oracles.gets_old_disk(id_);
  is_empty_or_old_ = has_old_disk_ = true;
  life_before_old_disk_ = life_;
  disk_.become(*std::exchange(old_disk_, nullptr));
  return true;
}

void Machine::swap_disks(Machine& other) {
  for (Machine* machine : {this, &other}) {
    machine->end(Ending::power_lost);
  }
  const std::unique_ptr<test::MemoryFiles> mine = disk_.copy();
  take_disk(*other.disk_.copy());
  other.take_disk(*mine);
}

void Machine::take_disk(const test::MemoryFiles& disk) {
  has_others_disk_ = !has_others_disk_;
  surroundings_.trace.event(id_, has_others_disk_ ? "has the disk of another" : "has its own disk again");
  disk_.become(disk);
  surroundings_.oracles.set_disk(id_, disk_);
}

Start Machine::start_on_old_disk() const {
  const auto metadata = durable_metadata(*old_disk_);
  return metadata ? Start{metadata->directory, metadata->incarnation, metadata->nonces.front()} : Start{};
}

// As the program does. One that rejoins on an empty disk knows whom it replaces: nobody has a reason to.
void Machine::turn_away(const std::string& why) {
  const bool may_be = is_empty_or_old_ && (has_old_disk_ || !rejoins_);
  if (!may_be) {
    fail(Invariant::starts_and_stops, "is turned away: " + why);
    return;
  }
  surroundings_.trace.text(id_, why);
  was_turned_away_ = true;
  surroundings_.scheduler.after(Duration::zero(), [this, life = life_] {
    if (life == life_ && is_up()) {
      stop(time_to_stop);
    }
  });
}

}  // namespace strata::sim
