"""The forms that g++ 12.2 compiles wrongly when they stand in one full expression with a co_await: it destroys some
temporaries twice. See docs/decisions/compilers.md. `shapes(text)` finds them in a source; it reads tokens, not C++, and
so asks a little more than it must: name the object on the line before, and it is content."""

import re

# What is blanked before the search: it could only mislead. Line breaks stay.
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)

KEYWORDS_BEFORE_BLOCK = {"else", "do", "try", "const", "noexcept", "override", "final", "mutable"}
LAMBDA = re.compile(r"(?<![\w\])])\[(?P<captures>[^\[\]]*)\]\s*(?=[({]|mutable\b|->)")
BRACED_TEMPORARY = re.compile(r"(?P<name>[A-Za-z_][\w:]*(?:<[^<>;{}]*(?:<[^<>]*>[^<>]*)*>)?)\s*\{")


def blank(text):
    return NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match.group(0)), text)


def statement_around(text, position):
    """Begin and end of the full expression around `position`: to the `;`, or the brace of a block, on either side.

    Parentheses and braces that are opened within belong to it."""
    return _back(text, position), _forth(text, position)


def _back(text, position):
    depth = 0
    for i in range(position - 1, -1, -1):
        character = text[i]
        if character in ")]" or (character == "}" and not _ends_block(text, i)):
            depth += 1
        elif character in "([" or (character == "{" and not _begins_block(text, i)):
            depth -= 1
        elif character == ";" and depth <= 0:
            return i + 1
        elif character in "{}" and depth <= 0:
            return i + 1
    return 0


def _forth(text, position):
    depth = 0
    for i in range(position, len(text)):
        character = text[i]
        if character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
            if depth < 0 and _closes_condition(text, i):
                return i
        elif character == "{":
            if depth <= 0 and _begins_block(text, i):
                return i
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                return i
        elif character == ";" and depth <= 0:
            return i
    return len(text)


def _opening(text, close):
    pairs = {")": "(", "]": "[", "}": "{"}
    depth = 0
    for i in range(close, -1, -1):
        if text[i] in pairs:
            depth += 1
        elif text[i] in pairs.values():
            depth -= 1
            if depth == 0:
                return i
    return -1


def _closes_condition(text, close):
    before = text[:max(0, _opening(text, close))].rstrip()
    return re.search(r"\b(if|while|for|switch)(\s+constexpr)?$", before) is not None


def _begins_block(text, brace):
    before = text[:brace].rstrip()
    if not before or before[-1] in ";{}":
        return True
    if before[-1] == ")":
        return True  # of a function, a lambda or a condition
    if before[-1] == ":" and not before.endswith("::"):
        return True  # a label
    word = re.search(r"[A-Za-z_]\w*$", before)
    if word and word.group(0) in KEYWORDS_BEFORE_BLOCK:
        return True
    head = re.split(r"[;{}()]", before)[-1]
    return re.search(r"\b(class|struct|enum|union|namespace|extern)\b", head) is not None or "->" in head


def _ends_block(text, brace):
    opening = _opening(text, brace)
    return opening < 0 or _begins_block(text, opening)


def shapes(text):
    """A list of (line, what is wrong) for every bad form in the text of a source."""
    clean = blank(text)
    found = set()
    for match in re.finditer(r"\bco_await\b", clean):
        begin, end = statement_around(clean, match.start())
        line = clean.count("\n", 0, match.start()) + 1
        found |= {(line, problem) for problem in problems(clean[begin:end], match.start() - begin)}
    found |= coroutine_lambdas(clean)
    return sorted(found)


def problems(statement, awaited):
    """What is wrong with this full expression; `awaited` is where its co_await stands."""
    before, after = statement[:awaited], statement[awaited:]
    if any(match.group("captures").strip() for match in LAMBDA.finditer(statement)):
        yield "a lambda that captures, in the same expression as a co_await"
    if _branch_awaits(statement, awaited):
        yield "?: with a co_await in it"
    if any(_is_temporary(after, match) for match in BRACED_TEMPORARY.finditer(after)) or re.search(r"[(,]\s*\{", after):
        yield "a braced temporary in the same expression as a co_await"
    if _inside_braces(before):
        yield "a co_await inside braces"


def _is_temporary(after, match):
    name = match.group("name")
    return name not in KEYWORDS_BEFORE_BLOCK and not name.endswith("co_await")


def _branch_awaits(statement, awaited):
    """`c ? co_await x : y`, or `co_await f(c ? a : b)`. A co_await in the condition alone does no harm."""
    mark = statement.find("?")
    if mark < 0:
        return False
    between = statement[awaited:mark]
    return awaited > mark or between.count("(") > between.count(")")


def _inside_braces(before):
    depth = 0
    for character in reversed(before):
        if character == "}":
            depth += 1
        elif character == "{":
            depth -= 1
            if depth < 0:
                return True
    return False


SPAWN = re.compile(r"\bco_spawn\s*\(")


def coroutine_lambdas(clean):
    """Capturing lambdas handed to co_spawn: their captures die with the temporary while the coroutine goes on."""
    found = set()
    for match in SPAWN.finditer(clean):
        call = clean[match.start():_forth(clean, match.end() - 1)]
        is_coroutine = re.search(r"\bco_(await|return|yield)\b|\bawaitable\b", call)
        if is_coroutine and any(lambda_.group("captures").strip() for lambda_ in LAMBDA.finditer(call)):
            found.add((clean.count("\n", 0, match.start()) + 1, "a capturing lambda spawned as a coroutine"))
    return found
