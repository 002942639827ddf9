"""What runs inside the sandbox. Stdlib only, and nothing here imports the rest of haloforge.

The engine starts these modules in processes of their own, as a package called `box`, with only this folder (and never
the engine, the problems or the tests of other samples) in reach. Hence the relative imports.
"""
