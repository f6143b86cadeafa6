"""A file or table of very many users beside one of few, and what it costs to take up a new one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench.contenders import FEW, KINDS, Contenders, wait_until_settled
from bench.generator import Sample, load
from bench.measurements import Plan, warm
from bench.report import Compared, Measured, Row


def rows_of_many_users(contenders: Contenders, plan: Plan) -> Iterator[Row]:
    with contenders.authd_on_few_and_many(plan.many):
        for kind in KINDS:
            yield _beside_few(contenders, plan, kind)
        yield _while_taken_up(contenders, plan, "passwd-file")


def _beside_few(contenders: Contenders, plan: Plan, kind: str) -> Row:
    few, many = (contenders.socket_of_authd(f"{kind}-{size}") for size in ("few", "many"))
    wait_until_settled(many, plan.many)
    run: Callable[..., Sample] = partial(load, clients=4, milliseconds=plan.milliseconds)
    one, other = warm(partial(run, many, users=plan.many), partial(run, few, users=FEW), plan)
    ours, theirs = ([each.rate for each in samples] for samples in (one, other))
    work = f"{kind}, {plan.many:,} users beside {FEW}, 4 clients"
    return Compared(work, "logins/s", ours, theirs, at_least=0.9, other=f"{FEW} users")


def _while_taken_up(contenders: Contenders, plan: Plan, kind: str) -> Row:
    """The longest that anybody else waits while a new file of many users is read: its index takes seconds."""
    few, many = (contenders.socket_of_authd(f"{kind}-{size}") for size in ("few", "many"))
    contenders.write_users(kind, "many", plan.many)
    with ThreadPoolExecutor(1) as others:
        waiting = others.submit(load, few, clients=1, users=FEW, milliseconds=4 * plan.milliseconds)
        load(many, clients=1, users=plan.many, milliseconds=3 * plan.milliseconds)
        longest = waiting.result().max / 1000
    return Measured(f"{kind}, {plan.many:,} users taken up: the longest wait of others", "ms", [longest], 50, 1)
