// The one place where the sources of Boost.JSON are compiled.
#include <boost/json/src.hpp>
