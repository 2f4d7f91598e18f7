"""No source of the project has one of the forms that g++ 12.2 compiles wrongly; and the check knows them."""

import unittest

import table
from coroutine_shapes import shapes

BAD = {
    "an aggregate": "co_await channel.async_send(ec, Msg{1, 2}, use_awaitable);",
    "an aggregate over two lines": "co_await channel.async_send(\n    ec,\n    Msg{1, 2}, use_awaitable);",
    "a qualified aggregate": "co_await send(wire::Reply{.to = address});",
    "an array": "co_await write(socket, std::array{a, b});",
    "a sized array": "co_await write(socket, std::array<Buffer, 2>{a, b});",
    "a braced argument": "co_await f({p, p});",
    "a capturing lambda": "co_await async_initiate<void(int)>([this](auto handler) { begin(handler); }, token);",
    "a lambda that copies": "co_await f([x = std::move(y)] { return x; });",
    "?: with an await in a branch": "auto q = c ? co_await make(p) : X{};",
    "?: in the argument": "co_await f(c ? a : b);",
    "an await inside braces": "Pair pair{co_await first(), 2};",
    "an await inside the braces of an argument": "use(Pair{co_await first(), 2});",
    "an await inside the braces of return": "co_return Reply{co_await first()};",
    "a spawned lambda that captures": "co_spawn(executor, [this]() -> awaitable<void> { co_await run(); }, detached);",
    "a condition with a temporary": "if (co_await send(Msg{1})) {\n  stop();\n}",
}

GOOD = {
    "the object named before": "Msg message{1, 2};\nco_await channel.async_send(ec, std::move(message), use_awaitable);",
    "a lambda named before": "auto l = [x] { return x; };\nco_await f(std::move(l));",
    "a lambda without captures": "co_await f([](int a) { return a; }, 1);",
    "an index": "co_await g(a[i]);",
    "an await in a condition": "if (auto x = co_await next(); x) {\n  use(x);\n}",
    "an await in the condition of ?:": "auto q = co_await ready() ? 1 : 2;",
    "a loop": "while (!co_await done()) {\n  step();\n}",
    "a for": "for (;;) {\n  auto batch = co_await inbox_.receive();\n  handle(batch);\n}",
    "structured bindings": "auto [ec, n] = co_await read(socket, as_tuple(use_awaitable));",
    "operators": "co_await (a() || b());",
    "a function that awaits": "awaitable<void> Actor::run() {\n  co_await receive();\n}",
    "a member function with a trailing type": "auto run() -> awaitable<void> {\n  co_await receive();\n}",
    "a class around it": "class A {\n  awaitable<void> run() { co_await x(); }\n};",
    "a comment": "// co_await f(Msg{1});\nint x;",
    "a string": 'log("co_await f(Msg{1});");',
    "a named coroutine spawned": "co_spawn(executor, run(), detached);",
    "a completion handler that captures": "co_spawn(executor, std::move(work), [this](E e) { ended(e); });",
    "try and else": "try {\n  co_await x();\n} catch (const E& e) {\n} \nif (a) {\n  b();\n} else {\n  co_await y();\n}",
    "a temporary made with parentheses": "co_await f(T(1), p);",
    "a braced object after the await's end": "co_await x();\nMsg m{1};",
    "a lambda after it": "co_await x();\nauto l = [a] { return a; };",
    "return of an await": "co_return co_await next();",
}


class Shapes(unittest.TestCase):
    def test_no_source_has_a_bad_form(self):
        found = [f"{path.relative_to(table.ROOT)}:{line}: {problem}" for path in table.project_files(".hpp", ".cpp")
                 for line, problem in shapes(path.read_text())]
        self.assertEqual(found, [])


class TheCheckItself(unittest.TestCase):
    def test_it_refuses_every_bad_form(self):
        for name, text in BAD.items():
            for place in (text, f"awaitable<void> f() {{\n  int before = 1;\n  {text}\n  int after{{2}};\n}}\n"):
                with self.subTest(name, text=place):
                    self.assertNotEqual(shapes(place), [])

    def test_it_accepts_every_good_form(self):
        for name, text in GOOD.items():
            for place in (text, f"namespace n {{\nawaitable<void> f(int a) {{\n  Msg first{{1}};\n  {text}\n}}\n}}\n"):
                with self.subTest(name, text=place):
                    self.assertEqual(shapes(place), [])

    def test_it_names_the_line(self):
        self.assertEqual([line for line, _ in shapes("int a;\nint b;\nco_await f(Msg{1});\n")], [3])


if __name__ == "__main__":
    unittest.main()
