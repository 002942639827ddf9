"""fork(2) itself.

os.fork costs twice as much, for hooks that repair threads, of which there are none here, and that reseed `random`,
which has to begin the same in every child.
"""

import ctypes

fork = ctypes.PyDLL(None).fork
