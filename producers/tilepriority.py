"""How urgent a tile is, by why it is wanted.

Numbers of the scale 0-255, which has four levels (see `streams.priority`): 200 and more are
"high", 100 and more "normal", what is below is "low". Jobs of one level go in the order in
which they came, so 50 before 25 is for readers and other queues.
"""

from typing import Final

#: Somebody looks at an empty square.
INTERACTIVE_PRIORITY: Final = 200

#: Beside a tile that somebody looks at: they may look there next.
PREFETCH_PRIORITY: Final = 100

#: New data, that nobody has asked for yet.
WARM_PRIORITY: Final = 50

#: A forecast that becomes the present soon.
SCHEDULED_PRIORITY: Final = 25
