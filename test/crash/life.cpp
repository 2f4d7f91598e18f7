#include "crash/life.hpp"

#include <algorithm>
#include <utility>

namespace strata::crash {

static constexpr const char* run_directory = "run";

wal::RunOptions run_options(Durability ack, const char* boot_id) {
  wal::RunOptions options;
  options.boot_id = boot_id;
  options.run_directory = run_directory;
  options.ack = ack;
  options.new_directory = 0x5354;
  return options;
}

std::unique_ptr<test::MemoryFiles> new_machine() {
  auto files = std::make_unique<test::MemoryFiles>();
  files->make_volatile(run_directory);
  return files;
}

std::uint64_t calls_of(const Story& story) {
  const auto files = new_machine();
  Life(*files, story).live();
  return files->calls();
}

Life::~Life() = default;

const Told& Life::live() {
  return live(story_.steps.size());
}

const Told& Life::live(std::size_t steps) {
  bool goes_on = true;
  for (std::size_t i = 0; goes_on && i < steps; ++i) {
    goes_on = std::visit([this](const auto& step) { return take(step); }, story_.steps[i]);
  }
  end_process();
  return told_;
}

void Life::end_process() {
  unsynced_.reset();
  data_.reset();
}

// As a node does that cannot keep its promises any more: nothing goes on, and the next start is not to trust what was
// not synced. A full disk is no such thing where the caller says so.
bool Life::poison(const Error&) {
  told_.poisoned = true;
  if (data_ && data_->marker) {
    static_cast<void>(data_->marker->remove());  // one that stays is the story's own fault
  }
  return false;
}

bool Life::take(const Start&) {
  auto opened = wal::open_data_directory(files_, log_options(), lines_, run_options(story_.ack, first_boot));
  if (!opened) {
    told_.start_refused = true;
    return false;
  }
  data_ = std::make_unique<wal::DataDirectory>(std::move(*opened));
  told_.recovering = data_->standing == Standing::recovering;
  told_.incarnation = data_->metadata->current().incarnation;
  told_.end_begun = false;
  told_.ended = false;
  told_.synced = told_.written;
  told_.vouched = data_->log->end();
  marks_ = {data_->log->end(), data_->log->recovered().commit_index};
  return true;
}

bool Life::take(const Stop& stop) {
  if (stop.cleanly) {
    if (!sync()) {
      return false;
    }
    wal::Metadata metadata = data_->metadata->current();
    metadata.run.ended_cleanly = true;
    metadata.synced = data_->log->end();
    told_.end_begun = true;
    if (!save(metadata)) {
      return false;
    }
    told_.ended = true;
  }
  end_process();
  return true;
}

bool Life::take(const Vote& vote) {
  wal::Metadata metadata = data_->metadata->current();
  metadata.term = vote.term;
  metadata.vote = vote.node;
  told_.vote_begun = vote;
  if (!save(metadata)) {
    return false;
  }
  told_.vote_saved = vote;
  return true;
}

bool Life::save(wal::Metadata metadata) {
  metadata.synced = std::max(metadata.synced, marks_.synced);
  if (auto saved = data_->metadata->save(metadata); !saved) {
    return poison(saved.error());
  }
  told_.vouched = metadata.synced;
  return true;
}

bool Life::take(const Spare&) {
  const auto wanted = data_->log->wants_spare();
  if (!wanted) {
    return true;
  }
  if (auto spare = wal::prepare_segment(files_, log_options(), *wanted); spare) {
    data_->log->give_spare(std::move(*spare));
  } else if (spare.error().kind != ErrorKind::no_space) {
    return poison(spare.error());
  }
  return true;
}

bool Life::take(const Append& append) {
  marks_.commit_index = append.commit_index;
  told_.begun = told_.written + append.entries.size();
  auto target = data_->log->append(append.entries, marks_);
  if (!target && target.error().kind == ErrorKind::no_space) {
    target = data_->log->append(append.entries, marks_);  // there is room again
  }
  if (!target) {
    return poison(target.error());
  }
  told_.written = told_.begun;
  unsynced_ = std::move(*target);
  return !append.sync || sync();
}

bool Life::sync() {
  if (!unsynced_) {
    return true;
  }
  const wal::SyncTarget target = *std::exchange(unsynced_, std::nullopt);
  if (auto synced = target.sync(); !synced) {
    return poison(synced.error());
  }
  told_.synced = told_.written;
  marks_.synced = target.end;
  return true;
}

Result<void> Life::store_snapshot(EntryId last_included, const char* suffix) {
  told_.snapshots_begun += 1;
  auto writer = data_->snapshots->begin(last_included, suffix);
  if (!writer) {
    return writer.error();
  }
  if (auto appended = (*writer)->append(snapshot_content(last_included)); !appended) {
    return appended;
  }
  const Result<wal::SnapshotFile> file = (*writer)->finish();
  if (!file) {
    return file.error();
  }
  told_.snapshot_saved = told_.snapshots_begun;
  return data_->snapshots->add(*file);
}

bool Life::take(const TakeSnapshot& taken) {
  const Result<void> stored = store_snapshot(taken.last_included, "own");
  if (!stored) {
    return stored.error().kind == ErrorKind::no_space || poison(stored.error());
  }
  return release(data_->snapshots->released());
}

bool Life::take(const InstallSnapshot& installed) {
  if (auto stored = store_snapshot(installed.last_included, "received"); !stored) {
    return stored.error().kind != ErrorKind::no_space && poison(stored.error());
  }
  told_.begun = told_.written + 1;
  Result<void> restarted = data_->log->restart(installed.last_included, marks_);
  if (!restarted && restarted.error().kind == ErrorKind::no_space) {
    restarted = data_->log->restart(installed.last_included, marks_);
  }
  if (!restarted) {
    return poison(restarted.error());
  }
  unsynced_.reset();
  told_.written = told_.begun;
  told_.synced = told_.begun;
  marks_.synced = data_->log->end();
  return release(installed.last_included.index);
}

bool Life::release(LogIndex up_to) {
  if (auto released = wal::remove_segments(files_, log_options().directory, data_->log->release(up_to)); !released) {
    return poison(released.error());
  }
  return true;
}

}  // namespace strata::crash
