"""Do the tests notice when the mathematics is wrong?

``python -m benchmarks.mutants [--only TEXT]`` changes one place of the library at a time, flips a
sign, drops a term, swaps the players, detaches what must not be or leaves attached what must not
be, and runs the tests that guard it. A mutant that no test notices is a hole; the goal is none.
"""
