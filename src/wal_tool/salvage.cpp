#include "wal_tool/salvage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "wal/data_directory.hpp"
#include "wal/log.hpp"
#include "wal_tool/left_out.hpp"
#include "wal_tool/salvage_copier.hpp"
#include "wal_tool/salvage_survey.hpp"

namespace strata::wal_tool {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t write_at_once = 1 << 20;

// OUT is new: what the log says of it is no news.
class Silence final : public Logger {
 public:
  void write(LogLevel, std::string_view) override {}
};

// With every link on the way followed, and whatever directory it is relative to.
Result<fs::path> real_path(const std::string& path) {
  std::error_code error;
  fs::path real = fs::absolute(path, error);
  if (!error) {
    real = fs::weakly_canonical(real, error);
  }
  if (error) {
    return Error{ErrorKind::io, fmt::format("cannot tell where {} lies: {}", path, error.message())};
  }
  return real;
}

Result<bool> lies_in(const std::string& path, const std::string& directory) {
  const Result<fs::path> inner = real_path(path);
  const Result<fs::path> outer = real_path(directory);
  if (!inner || !outer) {
    return inner ? outer.error() : inner.error();
  }
  return std::ranges::mismatch(*outer, *inner).in1 == outer->end();
}

// Also a link that leads nowhere: to write there is to write where it leads.
bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

class Salvage {
 public:
  Salvage(wal::FileSystem& files, const Options& options)
      : files_(files), options_(options), left_out_(files, left_out_path(options)) {}

  Result<Salvaged> run();

 private:
  bool has_metadata() const { return salvaged_.found.metadata || options_.new_vote; }

  Result<void> check_out();
  Result<void> survey();
  Result<void> copy_snapshot();
  Result<void> copy_log();
  Result<void> check_unchanged(const wal::Inspection& again) const;
  Result<void> read_back();
  Result<void> write_metadata();

  wal::FileSystem& files_;
  const Options& options_;
  LeftOut left_out_;
  wal::LogOptions made_;  // of OUT
  wal::Position end_;     // of OUT's log, all of it synced
  Salvaged salvaged_;
  Repairs repairs_;
};

// Metadata comes last: without it a node refuses a directory that was not finished.
Result<Salvaged> Salvage::run() {
  for (const auto step : {&Salvage::check_out, &Salvage::survey, &Salvage::copy_snapshot, &Salvage::copy_log,
                          &Salvage::read_back, &Salvage::write_metadata}) {
    if (auto done = (this->*step)(); !done) {
      return done.error();
    }
  }
  return std::move(salvaged_);
}

Result<void> Salvage::check_out() {
  std::error_code error;
  if (options_.out.empty()) {
    return Error{ErrorKind::invalid, "OUT is empty: name a new directory"};
  }
  for (const std::string& path : {options_.out, left_out_.path()}) {
    const Result<bool> inside = lies_in(path, options_.directory);
    if (!inside || *inside) {
      return inside ? Error{ErrorKind::invalid, fmt::format("{} lies in {}, and nothing there is to be changed: name a "
                                                            "directory elsewhere",
                                                            path, options_.directory)}
                    : inside.error();
    }
  }
  if (is_there(options_.out) && !(fs::is_directory(options_.out, error) && fs::is_empty(options_.out, error))) {
    return Error{ErrorKind::invalid, options_.out + " is there and not empty: name a new directory"};
  }
  if (is_there(left_out_.path())) {
    return Error{ErrorKind::invalid, left_out_.path() + " is there: move it away first"};
  }
  return {};
}

Result<void> Salvage::survey() {
  Survey survey;
  Result<wal::Inspection> read = wal::inspect(files_, options_.directory, survey);
  if (!read) {
    return read.error();
  }
  salvaged_.found = std::move(*read);
  const wal::Inspection& found = salvaged_.found;
  if (!found.owner) {
    return Error{ErrorKind::damaged, "neither the metadata nor any segment can be read: nothing says whose log it is"};
  }
  if (survey.has_newer_metadata()) {
    return Error{ErrorKind::mismatch,
                 "the newest term and vote cannot be read, a newer version of Strata wrote them: "
                 "use the kv-wal of that version"};
  }
  salvaged_.first_damaged = survey.first_damaged(found, found.snapshot().index);
  salvaged_.lost_snapshot = survey.lost_snapshot();
  salvaged_.end_unknown = survey.is_end_unknown(found);
  repairs_ = survey.take_repairs(found);
  made_ = {options_.out, survey.segment_size(), found.owner->cluster, found.owner->node};
  return files_.make_directory(made_.directory);
}

Result<void> Salvage::copy_snapshot() {
  const wal::Inspection& found = salvaged_.found;
  if (found.snapshots.empty()) {
    return {};
  }
  wal::LogOptions from = made_;
  from.directory = options_.directory;
  const auto reader = wal::SnapshotReader::open(files_, from, found.snapshots.front().path);
  if (!reader) {
    return reader.error();
  }
  const auto writer = wal::SnapshotWriter::begin(files_, made_, found.snapshot(), "salvage");
  if (!writer) {
    return writer.error();
  }
  for (std::uint64_t offset = 0; offset < (*reader)->file().size;) {
    const Result<Bytes> content = (*reader)->read(offset, write_at_once);
    if (!content) {
      return content.error();
    }
    if (auto appended = (*writer)->append(*content); !appended) {
      return appended;
    }
    offset += content->size();
  }
  const auto finished = (*writer)->finish();
  return finished ? Result<void>() : finished.error();
}

Result<void> Salvage::copy_log() {
  Silence silence;
  const auto log = wal::Log::open(files_, made_, silence, salvaged_.found.snapshot());
  if (!log) {
    return log.error();
  }
  Copier copier(salvaged_.found, repairs_, salvaged_.first_damaged, **log, left_out_);
  const Result<wal::Inspection> again = wal::inspect(files_, options_.directory, copier);
  if (!again) {
    return again.error();
  }
  Result<void> copied = copier.finish();
  end_ = (*log)->end();
  salvaged_.last_index = (*log)->last_index();
  salvaged_.beside = left_out_.count();
  if (copied) {
    copied = left_out_.finish();
  }
  return copied ? check_unchanged(*again) : copied;
}

// Else what was copied is neither the state before nor that after.
Result<void> Salvage::check_unchanged(const wal::Inspection& again) const {
  const wal::Inspection& first = salvaged_.found;
  if (again.metadata != first.metadata || again.end != first.end || again.records != first.records ||
      again.findings != first.findings || again.snapshot() != first.snapshot()) {
    return Error{ErrorKind::in_use, options_.directory + " has changed while it was read: stop what works on it first"};
  }
  return {};
}

Result<void> Salvage::read_back() {
  wal::InspectionVisitor nobody;
  const Result<wal::Inspection> made = wal::inspect(files_, made_.directory, nobody);
  if (!made) {
    return made.error();
  }
  const bool is_sound = made->findings == 1 && !made->metadata;  // that the metadata is missing, and nothing else
  if (!is_sound || made->last_index != salvaged_.last_index) {
    return Error{ErrorKind::io, fmt::format("{} was written, but is not sound when it is read back", made_.directory)};
  }
  return {};
}

// Not when a node was started in the directory meanwhile: it may have voted, and appended what is not here.
Result<void> Salvage::write_metadata() {
  const wal::Inspection& found = salvaged_.found;
  auto looked = files_.look_at_lock(wal::lock_path(options_.directory));
  if (!looked || !has_metadata()) {
    return looked;
  }
  wal::Metadata metadata;
  if (found.metadata) {
    metadata = *found.metadata;
  } else {
    metadata.cluster = made_.cluster;
    metadata.node = made_.node;
    metadata.incarnation = Incarnation(1);
    metadata.term = std::max(found.last_term, found.snapshot().term).next();
  }
  metadata.synced = end_;
  if (salvaged_.is_less()) {
    // Neither the marker of the last run nor its clean end speaks for what is not there any more.
    metadata.run.recovering = true;
    metadata.run.ended_cleanly = false;
  }
  const auto made = wal::MetadataFile::open(files_, made_.directory, metadata);
  return made ? Result<void>() : made.error();
}

}  // namespace

bool Salvaged::is_less() const {
  const bool of_log = first_damaged || end_unknown || last_index < found.last_index || found.torn_bytes > 0;
  return of_log || lost_snapshot > last_index || !found.metadata;
}

std::string left_out_path(const Options& options) {
  return options.out + ".left-out.jsonl";
}

Result<Salvaged> write_salvaged(wal::FileSystem& files, const Options& options) {
  return Salvage(files, options).run();
}

}  // namespace strata::wal_tool
