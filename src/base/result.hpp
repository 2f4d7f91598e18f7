// What a call returns when the world may say no: the value, or an Error that says what was wrong and what to do.
#pragma once

#include <boost/system/result.hpp>
#include <string>

#include "base/assert.hpp"

namespace strata {

enum class ErrorKind {
  invalid,      // an argument or a file's content is not what it must be; the text says what would be right
  io,           // the operating system refused an operation; the text names it, the path and the reason
  no_space,     // the disk (or a quota) is full
  not_found,    // there is no such file or thing
  in_use,       // another process holds it
  mismatch,     // it belongs to another node or cluster, or has a newer format
  damaged,      // stored data does not bear out its checksum where it must
  unavailable,  // cannot be done now
};

struct Error {
  ErrorKind kind;
  std::string text;  // for a person, one line
};

// Result::value() of an error is a bug of the caller: look before you take.
[[noreturn]] inline void throw_exception_from_error(const Error&, const boost::source_location&) {
  assertion_failed("value() called on a Result that holds an error");
}

template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace strata
