// The language of scenarios: what is wrong in a script is told with its line, and a rewritten script stays as it is.
#include <doctest/doctest.h>

#include <string>

#include "scenario/diff.hpp"
#include "scenario/script.hpp"

using namespace strata::scenario;

static const std::string opening = "# One.\n# Two.\n";

static std::string rerun(const std::string& text) {
  Script script = parse(text);
  run(script);
  return render(script);
}

// "line: text" of the error, or nothing.
static std::string error_of(const std::string& commands) {
  try {
    rerun(opening + commands);
  } catch (const ScriptError& error) {
    return std::to_string(error.line) + ": " + error.what();
  }
  return {};
}

TEST_CASE("a script without traces gets them, and running it again changes nothing") {
  const std::string bare =
      opening + "\nnodes 3\ncampaign 1\nsettle\n\npropose 1 \"x=1\"\nquietly settle\nsilently elect 1\n";
  const std::string full = rerun(bare);
  CHECK(full.size() > bare.size());
  CHECK(full.find("\n    1 takes the proposal: 2:t1\n") != std::string::npos);
  CHECK(rerun(full) == full);
}

TEST_CASE("a trace that differs from what the commands produce is replaced, comments and commands stay") {
  const std::string wrong = opening + "nodes 1\n# Between.\nstatus\n    nonsense\n\n";
  const std::string right = rerun(wrong);
  CHECK(right == opening +
                     "nodes 1\n# Between.\nstatus\n    1: follower in term 0, knows no leader; log ends at 0, "
                     "written 0, synced 0, commit 0\n\n");
}

TEST_CASE("what is wrong in a script is told with its line") {
  CHECK(error_of("nodes 3\ndance 1\n") == "4: 'dance' is no command");
  CHECK(error_of("campaign 1\n") == "3: the first command is 'nodes'");
  CHECK(error_of("nodes 3\n\ncampaign 4\n") == "5: there is no node 4");
  CHECK(error_of("nodes 3\ncampaign\n") == "4: a node's number is missing");
  CHECK(error_of("nodes 3\ncampaign 1 2\n") == "4: '2' is not understood here");
  CHECK(error_of("nodes 3\npropose 1 x\n") == "4: a text in quotation marks is missing");
  CHECK(error_of("nodes 3\npropose 1 \"x\n") == "4: a quotation mark is missing");
  CHECK(error_of("nodes 3\ntime 5\n") == "4: '5' is not a time, such as 500ms or 2s");
  CHECK(error_of("nodes 3\ndeliver 1 -> 2\n") == "4: no such message is in flight");
  CHECK(error_of("nodes 3\nrelease late\n") == "4: nothing is held under this name");
  CHECK(error_of("nodes 3\npartition 1 | 2\n") == "4: a partition names every node");
  CHECK(error_of("nodes 3\ncrash 1\nread 1\n") == "5: node 1 is down");
  CHECK(error_of("nodes 3\nbeat 1\n") == "4: node 1 does not lead");
  CHECK(error_of("nodes 3\nnodes 3\n") == "4: the nodes are there already");
  CHECK(error_of("nodes 3 loud\n") == "3: 'loud' is no option of nodes");
  CHECK(error_of("nodes 3\n  status\n") == "4: a command begins at the left, a line of trace after four spaces");
  CHECK(error_of("    trace\n") == "3: a line of trace that follows no command");
  CHECK_THROWS_AS(parse("nodes 3\n"), ScriptError);
}

TEST_CASE("a scenario in which two different entries are committed at one index is an error whatever its trace says") {
  // Two leaders whose logs contradict each other: no cluster can come to that.
  const std::string error = error_of(
      "nodes 3\ngiven 1 log 1 1 term 3\ngiven 2 log 1 2 term 3\nforge 3 -> 1 append_entries term 4 after 2 of 1 commit "
      "2\n"
      "forge 3 -> 2 append_entries term 4 after 2 of 2 commit 2\nsettle\n");
  CHECK(error == "8: State Machine Safety is broken: 2 commits 2:t2, and 2:t1 was committed there");
}

TEST_CASE("a unified diff names the lines that went and came, with what stands around them") {
  CHECK(unified_diff("f", "a\nb\n", "a\nb\n").empty());
  CHECK(unified_diff("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n") ==
        "--- f (as it stands)\n+++ f (as it runs)\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+10\n");
  CHECK(unified_diff("f", "", "a\n") == "--- f (as it stands)\n+++ f (as it runs)\n@@ -1,0 +1,1 @@\n+a\n");
  const std::string far = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
  CHECK(
      unified_diff("f", "x\n" + far + "y\n", far) ==
      "--- f (as it stands)\n+++ f (as it runs)\n@@ -1,4 +1,3 @@\n-x\n 1\n 2\n 3\n@@ -9,4 +8,3 @@\n 8\n 9\n 10\n-y\n");
}
