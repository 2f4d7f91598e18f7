// A function to be called once or dropped. Unlike std::function it may own what cannot be copied: a posted coroutine.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace strata::sim {

class Task {
 public:
  Task() = default;

  template <class Function, class = std::enable_if_t<!std::is_same_v<std::decay_t<Function>, Task>>>
  Task(Function&& function) {  // NOLINT(google-explicit-constructor): a function is a task
    using Stored = std::decay_t<Function>;
    if constexpr (fits<Stored>) {
      new (&storage_) Stored(std::forward<Function>(function));
      kind_ = &kind_of<Stored>;
    } else {
      using Held = OnHeap<Stored>;
      new (&storage_) Held{std::make_unique<Stored>(std::forward<Function>(function))};
      kind_ = &kind_of<Held>;
    }
  }

  Task(Task&& other) noexcept : kind_(std::exchange(other.kind_, nullptr)) {
    if (kind_ != nullptr) {
      kind_->move(&other.storage_, &storage_);
    }
  }
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      drop();
      kind_ = std::exchange(other.kind_, nullptr);
      if (kind_ != nullptr) {
        kind_->move(&other.storage_, &storage_);
      }
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() { drop(); }

  explicit operator bool() const { return kind_ != nullptr; }
  void operator()() { kind_->call(&storage_); }

 private:
  static constexpr std::size_t room = 48;

  template <class Stored>
  static constexpr bool fits = sizeof(Stored) <= room && alignof(Stored) <= alignof(std::max_align_t) &&
                               std::is_nothrow_move_constructible_v<Stored>;

  template <class Stored>
  struct OnHeap {
    std::unique_ptr<Stored> function;
    void operator()() { (*function)(); }
  };

  struct Kind {
    void (*call)(void*);
    void (*move)(void* from, void* to);  // and destroys what is left in `from`
    void (*destroy)(void*);
  };

  template <class Stored>
  static void call_as(void* stored) {
    (*static_cast<Stored*>(stored))();
  }
  template <class Stored>
  static void move_as(void* from, void* to) {
    auto* stored = static_cast<Stored*>(from);
    new (to) Stored(std::move(*stored));
    stored->~Stored();
  }
  template <class Stored>
  static void destroy_as(void* stored) {
    static_cast<Stored*>(stored)->~Stored();
  }
  template <class Stored>
  static constexpr Kind kind_of{&call_as<Stored>, &move_as<Stored>, &destroy_as<Stored>};

  void drop() {
    if (const Kind* kind = std::exchange(kind_, nullptr)) {
      kind->destroy(&storage_);
    }
  }

  const Kind* kind_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[room];
};

}  // namespace strata::sim
