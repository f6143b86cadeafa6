"""Takes the first step of a coroutine by hand: most end with it, and those need no task."""

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """A coroutine that waits for something after its first step. Either `finish` it in a task or `close` it."""

    __slots__ = ("_awaited", "_steps")

    def __init__(self, steps: Coroutine[Any, Any, T], awaited: Any) -> None:
        self._steps = steps
        self._awaited = awaited

    async def finish(self) -> T:
        """Wait for the result. The running task takes the coroutine over where its first step left it."""
        return await _go_on(self._steps, self._awaited)

    def close(self) -> None:
        self._steps.close()


def begin(steps: Coroutine[Any, Any, T]) -> T | Begun[T]:
    """Give the result if the first step brings it. What the coroutine raises goes through.

    In that step there is no current task: what needs one, as asyncio.timeout does, belongs into a task of its own.
    """
    try:
        awaited = steps.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    return Begun(steps, awaited)


@coroutine
def _go_on(steps: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    try:
        yield awaited
    except GeneratorExit:
        steps.close()
        raise
    except BaseException as error:  # the coroutine's own, to catch or to end with
        try:
            awaited = steps.throw(error)
        except StopIteration as end:
            result: T = end.value
            return result
        return (yield from _go_on(steps, awaited))
    return (yield from steps.__await__())
