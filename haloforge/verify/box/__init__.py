"""What runs inside the sandbox. Standard library only; nothing here imports the rest of haloforge.

    warm_process.py  takes one of the roles, then forks one child per request
    preloading.py    the modules that it imports before it forks
    roles/           one module per kind of warm process: solution, judge, launcher, command
    confinement/     what a process gives up before it runs code that is not ours
    protocol/        the messages between two processes, and the values in them
    running/         in the solution's process: load the program, answer the calls of its tests
    testing/         in the judge's process: run the tests against proxies of the solution

The engine starts these modules in processes of their own, as a package called `box`. Only this folder is in reach
there: never the engine, the problems, or the tests of other samples. So all imports are relative. A process loads only
the modules of its own role, because a small process forks faster.
"""
