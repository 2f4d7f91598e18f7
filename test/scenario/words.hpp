// The words of one command, read from left to right. What does not fit is a ScriptError that names the line.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "scenario/script.hpp"

namespace strata::scenario {

class Words {
 public:
  // Words are separated by spaces; "quoted text" is one word.
  Words(int line, std::string_view command);

  bool empty() const { return words_.empty(); }
  void finish() const;  // nothing may be left

  std::string next(std::string_view what);
  std::string next_text();  // a quoted word
  bool next_is_text() const { return !words_.empty() && words_.front().quoted; }
  bool next_is_number() const;
  std::uint64_t next_number(std::string_view what);
  NodeId next_node();
  Duration next_duration();  // 500ms, 2s
  // Takes the next word if it is this one.
  bool accept(std::string_view word);
  void expect(std::string_view word);
  // What the next word is of a list; the word is taken. Empty when it is none of them.
  std::string accept_one_of(const std::vector<std::string_view>& words);

  [[noreturn]] void fail(const std::string& text) const;

 private:
  struct Word {
    std::string text;
    bool quoted;
  };
  int line_;
  std::deque<Word> words_;
};

}  // namespace strata::scenario
