#include "wal/run.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>

#include "wal/io.hpp"

namespace strata::wal {

RunMarker::RunMarker(FileSystem& files, const RunOptions& options, const std::string& data_path,
                     std::uint64_t directory)
    : files_(files),
      directory_(options.run_directory),
      path_(fmt::format("{}/{:016x}.run", options.run_directory, directory)),
      boot_id_(options.boot_id),
      nonce_(options.nonce) {
  if (const Result<std::string> mount = files.mount_of(data_path)) {
    mount_ = *mount;
  }
}

namespace {

Bytes line_end(std::uint64_t incarnation, std::uint64_t next) {
  return fmt::format("{} next {:016x}\n", incarnation, next);
}

}  // namespace

Bytes RunMarker::content_before_incarnation() const {
  return fmt::format("boot {} mount {} incarnation ", boot_id_, mount_);
}

// A start that was killed has saved its incarnation and perhaps not left its marker anew; but it had left one with the
// incarnation before. A marker of a later incarnation belongs to a later state of a directory that was put back since;
// an older one, of another start, was left in a run directory that is used again, and knows nothing of the disk's
// failures meanwhile.
bool RunMarker::vouches_for(const Metadata& last) const {
  if (directory_.empty() || boot_id_.empty() || mount_.empty()) {
    return false;
  }
  const Result<std::unique_ptr<File>> file = files_.open(path_);
  if (!file) {
    return false;
  }
  std::array<char, 4 * Run::max_boot_id> bytes{};
  const Result<std::size_t> read = read_all(**file, 0, bytes);
  const Bytes before = content_before_incarnation();
  if (!read || !BytesView(bytes.data(), *read).starts_with(before)) {
    return false;
  }
  const BytesView rest = BytesView(bytes.data(), *read).substr(before.size());
  const std::uint64_t saved = last.incarnation.value;
  return rest == fmt::format("{}\n", saved) || rest.starts_with(fmt::format("{} next ", saved)) ||
         (saved > 0 && !last.nonces.empty() && rest == line_end(saved - 1, last.nonces.front()));
}

Result<void> RunMarker::announce(Incarnation last) {
  return write(line_end(last.value, nonce_));
}

Result<void> RunMarker::leave(Incarnation incarnation) {
  return write(fmt::format("{}\n", incarnation));
}

// Not synced: it is to go with the kernel. Renamed: whoever is killed here leaves one that is whole.
Result<void> RunMarker::write(BytesView end) {
  if (directory_.empty()) {
    return {};
  }
  const std::string temporary = path_ + ".tmp";
  Result<void> done = files_.make_directory(directory_);
  if (done) {
    const Result<std::unique_ptr<File>> file = files_.create(temporary);
    done = file ? write_all(**file, 0, content_before_incarnation().append(end)) : Result<void>(file.error());
  }
  if (done) {
    done = files_.rename(temporary, path_);
  }
  if (!done) {
    const bool is_io = done.error().kind == ErrorKind::io;  // and no word on the log's disk
    return Error{is_io ? ErrorKind::unavailable : done.error().kind,
                 done.error().text + " (--run-dir says where the mark of a running node is kept)"};
  }
  return {};
}

Result<void> RunMarker::remove() {
  const Result<void> removed = directory_.empty() ? Result<void>() : files_.remove(path_);
  if (removed || removed.error().kind == ErrorKind::not_found) {
    return {};
  }
  return Error{removed.error().kind,
               removed.error().text + "; remove it by hand, or the next start trusts what the disk may not hold"};
}

Standing standing_after(const Metadata& last, const RunOptions& options, const RunMarker& marker) {
  if (last.run.recovering) {
    return Standing::recovering;
  }
  const bool is_new = last.incarnation == Incarnation();
  const bool kernel_lives = last.run.boot_id == options.boot_id && marker.vouches_for(last);
  if (is_new || last.run.ended_cleanly || kernel_lives) {
    return Standing::sound;
  }
  return last.run.ack == Durability::written ? Standing::recovering : Standing::abstaining;
}

std::string why_not_sound(const Metadata& last, const RunOptions& options, const RunMarker& marker) {
  if (last.run.recovering) {
    return "it was recovering when it ended, and had not caught up";
  }
  if (options.boot_id.empty() || last.run.boot_id.empty()) {
    return "it did not end cleanly, and whether the same kernel runs now is not known";
  }
  if (options.boot_id != last.run.boot_id) {
    return "the machine lost power, or was started anew, and the last run had not ended cleanly";
  }
  if (options.run_directory.empty()) {
    return "it did not end cleanly, and there is no run directory for the mark of a running node";
  }
  return fmt::format(
      "it did not end cleanly, and {} does not vouch for the last run: the log's disk has failed, the data directory "
      "was unmounted or put back, or the run directory was emptied",
      marker.path());
}

bool kernel_is_doubtful(Standing standing, const Metadata& last, const RunOptions& options) {
  const bool known_to_be_another =
      !options.boot_id.empty() && !last.run.boot_id.empty() && last.run.boot_id != options.boot_id;
  return standing != Standing::sound && !known_to_be_another;
}

}  // namespace strata::wal
