// Writes that are short, and calls that the disk refuses once.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "crash/crashes.hpp"
#include "crash/history.hpp"
#include "crash/judge.hpp"
#include "crash/life.hpp"
#include "crash/promise.hpp"
#include "support/memory_files.hpp"

namespace strata::crash {

using test::FileCall;
using test::FileOperation;
using test::MemoryFiles;

namespace {

bool counts(FileOperation operation) {
  return operation != FileOperation::read && operation != FileOperation::size && operation != FileOperation::list;
}

struct MadeCall {
  FileOperation operation;
  std::string path;
  std::uint64_t offset;
  std::size_t size;
};

std::vector<MadeCall> calls_made_in(const Story& story) {
  std::vector<MadeCall> calls;
  const auto files = new_machine();
  files->set_fault([&calls](const FileCall& call) {
    if (counts(call.operation)) {
      calls.push_back({call.operation, std::string(call.path), call.offset, call.size});
    }
    return std::optional<Error>();
  });
  Life(*files, story).live();
  return calls;
}

// What the call number `number` wrote, as it stands right behind it.
Bytes written_by(const Story& story, const MadeCall& call, std::uint64_t number) {
  const auto files = new_machine();
  files->stop_at(number + 1);
  Life(*files, story).live();
  Bytes bytes(call.size, '\0');
  files->look(call.path, false, call.offset, bytes);
  return bytes;
}

enum class Behind { nothing, death, power_loss };

class ShortWrite {
 public:
  ShortWrite(Images& images, const Story& story, std::size_t from)
      : images_(images), story_(story), from_(from), history_(story), whole_(new_machine()) {
    Life(*whole_, story).live();
  }

  void visit(const MadeCall& call, std::uint64_t number) {
    const Bytes bytes = written_by(story_, call, number);
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      // Where the next byte is zero, as it was before, this leaves what one byte more would leave.
      if (bytes[size] == '\0' && size % test::sector_size != 0) {
        continue;
      }
      for (const Behind behind : {Behind::nothing, Behind::death, Behind::power_loss}) {
        const ImageId id{Kind::short_write, from_, {number, size, static_cast<std::uint64_t>(behind)}};
        if (images_.wants(id)) {
          images_.look(id, [&] { return judge(number, size, behind); });
        }
      }
    }
  }

 private:
  std::string judge(std::uint64_t number, std::size_t size, Behind behind) const {
    const auto files = new_machine();
    files->shorten(number, size);
    if (behind != Behind::nothing) {
      files->stop_at(number + 1);
    }
    Told told = Life(*files, story_).live();
    if (behind == Behind::nothing) {
      return compare(*files);
    }
    told.poisoned = false;
    told.start_refused = false;
    if (behind == Behind::death) {
      files->kill_process();
      const Promise promise = promise_after(told, story_.ack, End::process_died);
      return Judge(history_, story_.ack, first_boot).survives(*files, promise);
    }
    files->lose_power(test::keep_everything());
    const Promise promise = promise_after(told, story_.ack, End::power_lost);
    return Judge(history_, story_.ack, second_boot).survives(*files, promise);
  }

  // The writer went on with the rest: the same files, byte for byte.
  std::string compare(const MemoryFiles& files) const {
    const std::string& directory = log_options().directory;
    const std::vector<std::string> names = whole_->names_in(directory, false);
    if (files.names_in(directory, false) != names) {
      return "other files";
    }
    for (const std::string& name : names) {
      const std::string path = directory + "/" + name;
      if (files.content(path) != whole_->content(path)) {
        return "another content of " + path;
      }
    }
    return "";
  }

  Images& images_;
  const Story& story_;
  std::size_t from_;
  History history_;
  std::unique_ptr<MemoryFiles> whole_;
};

// What is refused, once: afterwards all goes well, or seems to.
struct Refusal {
  ErrorKind kind;
  bool forgets;  // a sync: what it was to sync is dropped
};
constexpr std::array refusals = {Refusal{ErrorKind::io, false}, Refusal{ErrorKind::io, true},
                                 Refusal{ErrorKind::no_space, false}, Refusal{ErrorKind::no_space, true}};
constexpr std::size_t ends = 4;  // the process starts again; the power is lost with nothing kept, everything, something

// On the same kernel. Whoever cannot read the marker is in doubt, and so is the next start behind one that was refused,
// as far as it knows of that. It must know when the log could not be synced, but for a log that was synced already.
Promise promise_after_refusal(const Told& told, Durability ack, const MadeCall& call) {
  Promise promise = promise_after(told, ack, End::process_died);
  promise.same_kernel = promise.later_same_kernel = true;
  if (told.start_refused) {
    const bool log_not_synced = call.operation == FileOperation::sync && call.path.ends_with(".log");
    promise.standings = {doubtful_at(ack)};
    if (told.ended || !log_not_synced) {
      promise.standings.push_back(Standing::sound);
    }
    promise.later_standings = promise.standings;
  }
  if (told.recovering) {
    promise.standings.push_back(Standing::recovering);
    promise.later_standings.push_back(Standing::recovering);
  }
  return promise;
}

std::string judge_refusal(const Story& story, const History& history, const MadeCall& refused, std::uint64_t number,
                          const Refusal& refusal, std::size_t end) {
  const auto files = new_machine();
  if (refusal.forgets) {
    files->forget_at_failed_sync();
  }
  files->set_fault([&refusal, number, made = std::uint64_t{0}](const FileCall& call) mutable {
    const bool now = counts(call.operation) && made++ == number;
    return now ? std::optional(Error{refusal.kind, "refused"}) : std::nullopt;
  });
  const Told told = Life(*files, story).live();
  files->set_fault(nullptr);
  if (end == 0) {
    files->kill_process();
    return Judge(history, story.ack, first_boot).survives(*files, promise_after_refusal(told, story.ack, refused));
  }
  files->lose_power(end == 1   ? test::keep_nothing()
                    : end == 2 ? test::keep_everything()
                               : test::choose_by_seed(number));
  return Judge(history, story.ack, second_boot).survives(*files, promise_after(told, story.ack, End::power_lost));
}

}  // namespace

void shorten_every_write(Images& images, const Story& story, std::size_t from) {
  ShortWrite short_write(images, story, from);
  const std::vector<MadeCall> calls = calls_made_in(story);
  for (std::uint64_t number = 0; number < calls.size(); ++number) {
    if (calls[number].operation == FileOperation::write) {
      short_write.visit(calls[number], number);
    }
  }
}

void refuse_every_call(Images& images, const Story& story, std::size_t from) {
  const History history(story);
  const std::vector<MadeCall> calls = calls_made_in(story);
  for (std::uint64_t number = 0; number < calls.size(); ++number) {
    for (std::size_t which = 0; which < refusals.size(); ++which) {
      if (refusals[which].forgets && calls[number].operation != FileOperation::sync) {
        continue;
      }
      for (std::size_t end = 0; end < ends; ++end) {
        const ImageId id{Kind::refused_call, from, {number, which, end}};
        if (images.wants(id)) {
          images.look(id, [&] { return judge_refusal(story, history, calls[number], number, refusals[which], end); });
        }
      }
    }
  }
}

}  // namespace strata::crash
