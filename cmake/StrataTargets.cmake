# How every target of Strata is made: one standard, one set of warnings, one way to see another room's headers.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(STRATA_WARNINGS_AS_ERRORS "Treat the compiler's warnings as errors (the presets do)" OFF)
set(STRATA_SANITIZERS "" CACHE STRING "Value of -fsanitize= for everything, empty: none")
set(STRATA_TEST_PREFIX "" CACHE STRING "Put before the name of every test, so that several builds can be run as one")

# A compiler cache when there is one. Precompiled headers need the sloppiness (its manual says so); without the
# directory's name in the key a fresh clone finds what another one built.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
                    -Wold-style-cast -Woverloaded-virtual -Wcast-qual -fno-omit-frame-pointer)
if(STRATA_WARNINGS_AS_ERRORS)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # ccache can only keep what was built with a precompiled header when the preprocessor names it.
  add_compile_options(-fpch-preprocess)
  # g++ 12 sees uninitialised members in every variant that holds a vector.
  add_compile_options(-Wno-maybe-uninitialized)
else()
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()
if(STRATA_SANITIZERS)
  add_compile_options(-fsanitize=${STRATA_SANITIZERS} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${STRATA_SANITIZERS})
endif()

# strata_library(ROOM SOURCES file... [LINKS target...] [PRIVATE_LINKS target...])
# Makes the library strata_ROOM of the folder it is called from. Its headers are seen as "ROOM/name.hpp", and only by
# targets that link it: each room has an include root of its own, so an include against the arrows finds no file.
function(strata_library room)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS")
  set(root ${PROJECT_BINARY_DIR}/rooms/${room})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${room} SYMBOLIC)
  add_library(strata_${room} STATIC ${ARG_SOURCES})
  target_include_directories(strata_${room} PUBLIC ${root})
  target_link_libraries(strata_${room} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# strata_use_asio_header(TARGET): TARGET is compiled with the precompiled header of Asio. The first to ask makes it,
# the others use the same one. For actors, net and node, and for tests of theirs.
function(strata_use_asio_header target)
  if(TARGET strata_asio_header)
    target_precompile_headers(${target} REUSE_FROM strata_asio_header)
    return()
  endif()
  file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/asio_header.cpp CONTENT "// Only here to build the precompiled header.\n")
  add_library(strata_asio_header OBJECT ${PROJECT_BINARY_DIR}/asio_header.cpp)
  target_link_libraries(strata_asio_header PRIVATE Boost::headers Threads::Threads)
  target_precompile_headers(strata_asio_header PRIVATE <boost/asio.hpp>)
  target_precompile_headers(${target} REUSE_FROM strata_asio_header)
endfunction()

# strata_program(NAME OUTPUT_DIRECTORY SOURCES file... LINKS target...)
function(strata_program name directory)
  cmake_parse_arguments(PARSE_ARGV 2 ARG "" "" "SOURCES;LINKS")
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${directory})
endfunction()
