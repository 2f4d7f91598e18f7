# cmake -DSOURCE=… -DOUTPUT=… -P Commit.cmake: writes a header that names the commit of SOURCE, if it is another than it
# names already.
cmake_policy(VERSION 3.25)
execute_process(COMMAND git describe --always --dirty --abbrev=12 --exclude=*
  WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once\n#define STRATA_COMMIT \"@commit@\"\n" @ONLY)
