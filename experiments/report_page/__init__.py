"""The static HTML page of one or several runs: read, draw, render; no torch, no network.

``run_files`` reads a run folder, ``curves`` and ``chart`` turn columns into drawings,
``protocols`` decides which scores may stand side by side, ``health``, ``training``, ``scores`` and
``pictures`` prepare one section each, and ``page`` renders ``page.html`` with them.
"""
