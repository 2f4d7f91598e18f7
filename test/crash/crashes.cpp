#include "crash/crashes.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "crash/history.hpp"
#include "crash/judge.hpp"
#include "crash/life.hpp"
#include "crash/promise.hpp"
#include "support/memory_files.hpp"

namespace strata::crash {

using test::Chooser;
using test::MemoryFiles;

namespace {

constexpr std::size_t most_combinations = 256;
constexpr std::size_t garbled_from = 1000;  // combinations with these numbers garble sectors besides
constexpr std::size_t garbled = 16;
constexpr std::size_t first_losses = 6;  // before a second crash
constexpr std::size_t second_ends = 7;   // of it: the process dies, or so many losses of power

// Makes the choices of combination number `number` of all there are; `total` becomes their number, or more than any.
Chooser combination(std::size_t number, std::size_t& total) {
  total = 1;
  return [number, &total](std::size_t count) mutable {
    const std::size_t choice = number % count;
    number /= count;
    total = std::min(total * count, most_combinations + 1);
    return choice;
  };
}

Chooser sampled(std::size_t number) {
  return number == 0 ? test::keep_nothing() : number == 1 ? test::keep_everything() : test::choose_by_seed(number);
}

// A machine that stopped at a call of the story, and what the node had been told.
struct Stopped {
  std::unique_ptr<MemoryFiles> files = new_machine();
  Told told;
};

Stopped stop_at(const Story& story, std::uint64_t call) {
  Stopped stopped;
  stopped.files->stop_at(call);
  stopped.told = Life(*stopped.files, story).live();
  stopped.told.poisoned = false;  // it was the machine that refused
  stopped.told.start_refused = false;
  return stopped;
}

void for_each_stop(const Story& story, const std::function<void(const Stopped&, std::uint64_t)>& visit) {
  const std::uint64_t calls = calls_of(story);
  for (std::uint64_t call = 0; call <= calls; ++call) {
    visit(stop_at(story, call), call);
  }
}

// How many ways there are to lose the power here, as far as they are counted.
std::size_t combinations(const MemoryFiles& stopped) {
  std::size_t total = 1;
  stopped.copy()->lose_power(combination(0, total));
  return total;
}

std::unique_ptr<MemoryFiles> without_power(const MemoryFiles& stopped, const Chooser& choose, bool garbles = false) {
  auto files = stopped.copy();
  files->lose_power(choose, garbles);
  return files;
}

}  // namespace

void die_at_every_call(Images& images, const Story& story, std::size_t from) {
  const History history(story);
  const Judge judge(history, story.ack, first_boot);
  for_each_stop(story, [&](const Stopped& stopped, std::uint64_t call) {
    const ImageId id{Kind::death, from, {call}};
    if (images.wants(id)) {
      images.look(id, [&] {
        stopped.files->kill_process();
        return judge.survives(*stopped.files, promise_after(stopped.told, story.ack, End::process_died));
      });
    }
  });
}

void lose_power_at_every_call(Images& images, const Story& story, std::size_t from) {
  const History history(story);
  const Judge judge(history, story.ack, second_boot);
  for_each_stop(story, [&](const Stopped& stopped, std::uint64_t call) {
    const std::size_t total = combinations(*stopped.files);
    const Promise promise = promise_after(stopped.told, story.ack, End::power_lost);
    const auto look = [&](std::size_t number, const Chooser& choose) {
      const ImageId id{Kind::power_loss, from, {call, number}};
      if (images.wants(id)) {
        images.look(id, [&] {
          return judge.survives(*without_power(*stopped.files, choose, number >= garbled_from), promise);
        });
      }
    };
    std::size_t ignored = 0;
    for (std::size_t number = 0; number < std::min(total, most_combinations); ++number) {
      look(number, total <= most_combinations ? combination(number, ignored) : sampled(number));
    }
    for (std::size_t number = garbled_from; number < garbled_from + garbled; ++number) {
      look(number, test::choose_by_seed(number));
    }
  });
}

namespace {

// What the second start finds, when the first one is cut short too. A run that abstained is not told from others by
// the next one on the same kernel.
Promise promise_after_second(const Told& told, Durability ack, End second) {
  Promise promise = promise_after(told, ack, End::power_lost);
  promise.most_incarnation = promise.most_incarnation.next();
  promise.later_same_kernel = second == End::process_died;
  std::vector<Standing>& later = promise.later_standings;
  later.insert(later.end(), promise.standings.begin(), promise.standings.end());
  if (second == End::process_died && ack == Durability::synced) {
    later.push_back(Standing::sound);
  }
  return promise;
}

class SecondCrash {
 public:
  SecondCrash(Images& images, const Story& story, std::size_t from)
      : images_(images), story_(story), from_(from), history_(story) {}

  // Stops the recovery of `first` at every call, or behind its end.
  void visit(const MemoryFiles& first, const Told& told, std::uint64_t call, std::size_t loss) {
    const auto whole = first.copy();
    recover(*whole);
    for (std::uint64_t second = 0; second <= whole->calls(); ++second) {
      std::unique_ptr<MemoryFiles> stopped;
      for (std::size_t end = 0; end < second_ends; ++end) {
        const ImageId id{Kind::second_crash, from_, {call, loss, second * second_ends + end}};
        if (!images_.wants(id)) {
          continue;
        }
        if (!stopped) {
          stopped = first.copy();
          stopped->stop_at(second);
          recover(*stopped);
        }
        images_.look(id, [&] { return judge(*stopped, told, second, end); });
      }
    }
  }

 private:
  void recover(MemoryFiles& files) const {
    test::KeptLines lines;
    static_cast<void>(wal::open_data_directory(files, log_options(), lines, run_options(story_.ack, second_boot)));
  }
  std::string judge(const MemoryFiles& stopped, const Told& told, std::uint64_t second, std::size_t end) const {
    const auto image = stopped.copy();
    if (end > 0) {
      image->lose_power(sampled(end < 3 ? end - 1 : second * second_ends + end));
    }
    const Promise promise = promise_after_second(told, story_.ack, end == 0 ? End::process_died : End::power_lost);
    return Judge(history_, story_.ack, end == 0 ? second_boot : third_boot).survives(*image, promise);
  }

  Images& images_;
  const Story& story_;
  std::size_t from_;
  History history_;
};

}  // namespace

void crash_in_every_recovery(Images& images, const Story& story, std::size_t from) {
  SecondCrash crash(images, story, from);
  for_each_stop(story, [&](const Stopped& stopped, std::uint64_t call) {
    for (std::size_t loss = 0; loss < first_losses; ++loss) {
      const auto first = without_power(*stopped.files, sampled(loss < 2 ? loss : call * first_losses + loss));
      crash.visit(*first, stopped.told, call, loss);
    }
  });
}

}  // namespace strata::crash
