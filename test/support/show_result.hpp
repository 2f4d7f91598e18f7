// Lets doctest print a Result: that it is good, or the error's text. Include it wherever CHECK or REQUIRE takes one.
#pragma once

#include <doctest/doctest.h>

#include "base/result.hpp"

namespace doctest {

template <class T>
struct StringMaker<boost::system::result<T, strata::Error>> {
  static String convert(const boost::system::result<T, strata::Error>& result) {
    return result ? String("good") : String(result.error().text.c_str());
  }
};

}  // namespace doctest
