"""Run what `async` functions of the solution return, a step at a time, when its tests await it."""

from typing import Any

STEP_S = 0.02
"""How long one step waits; after it the tests' own event loop has a turn."""


class Loop:
    """The solution's event loop. Each coroutine that the tests await is a task of it."""

    def __init__(self) -> None:
        import asyncio  # when it is first needed

        self._asyncio = asyncio
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[int, Any] = {}

    def step(self, coroutine: Any) -> tuple[bool, Any]:
        """Whether it is done, and then its result. Raises what it raised."""
        self._asyncio.set_event_loop(self._loop)
        task = self._tasks.get(id(coroutine))
        if task is None:
            task = self._tasks[id(coroutine)] = self._loop.create_task(coroutine)
        self._loop.run_until_complete(self._asyncio.wait({task}, timeout=STEP_S))
        return (True, task.result()) if task.done() else (False, None)

    def cancel(self, coroutine: Any) -> None:
        """The tests wait for it no longer."""
        task = self._tasks.get(id(coroutine))
        if task is not None:
            task.cancel()
            self._loop.run_until_complete(self._asyncio.wait({task}, timeout=STEP_S))
        else:
            coroutine.close()


async def entered(manager: Any) -> Any:
    """`async with manager` begins."""
    return await type(manager).__aenter__(manager)


async def left(manager: Any) -> Any:
    """`async with manager` ends."""
    return await type(manager).__aexit__(manager, None, None, None)


async def advanced(iterator: Any) -> Any:
    """One turn of `async for`."""
    return await type(iterator).__anext__(iterator)
