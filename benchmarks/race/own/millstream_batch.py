"""Millstream with a handler that is given many jobs at once. A place that is not taken yet.

`task.run_batch` is the work of such a handler, and `own.millstream` has the rest: `Job`,
`work` and `send`. Then the line `left_out` goes from peers.toml.
"""

if __name__ == "__main__":
    raise SystemExit("the batch handler is not written yet")
