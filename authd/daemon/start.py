"""From settings to running processes: opens the listeners, then one process or two."""

from collections.abc import Sequence

from authd.config.settings import ListenerSettings, Settings
from authd.daemon import parent
from authd.unix.privileges import may_drop
from authd.unix.sockets import BoundSocket, bind


def start(settings: Settings) -> int:
    """Serve until told to stop and give the exit status.

    Started as root, this process stays as the privileged parent and the front is its child; otherwise it is the front
    itself. Raises SocketError where a listener cannot be had, PrivilegeError where server.user does not exist.
    """
    if may_drop():
        account = parent.front_account(settings.server.user, needs_helper=False)
        return parent.run(settings, open_listeners(settings.listeners), account)
    listeners = open_listeners(settings.listeners)
    from authd.daemon import front  # below a parent, asyncio and all that follows is the child's alone

    return front.serve(settings, listeners, owns_sockets=True)


def open_listeners(wanted: Sequence[ListenerSettings]) -> list[tuple[ListenerSettings, BoundSocket]]:
    """Open all listeners, or none."""
    opened: list[tuple[ListenerSettings, BoundSocket]] = []
    try:
        for each in wanted:
            bound = bind(each.path, mode=each.mode, owner=each.owner, group=each.group, backlog=each.backlog)
            opened.append((each, bound))
    except BaseException:
        for _, bound in opened:
            bound.unlink()
            bound.close()
        raise
    return opened
