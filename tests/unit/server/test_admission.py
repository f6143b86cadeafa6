from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from authd.server.admission import Admission

LIMIT = 6


class AdmissionMachine(RuleBasedStateMachine):
    """Any order of comings and goings, beside a list that is searched each time."""

    def __init__(self) -> None:
        super().__init__()
        self.admission: Admission[int] = Admission(LIMIT)
        self.model: list[tuple[int, int]] = []  # connection, uid, the oldest first
        self.expendable: list[int] = []  # in the order in which they became so
        self.next = 0

    @rule(uid=st.integers(0, 2))
    def a_client_comes(self, uid: int) -> None:
        self.admission.take(self.next, uid)
        self.model.append((self.next, uid))
        self.next += 1

    @precondition(lambda self: len(self.expendable) < len(self.model))
    @rule(data=st.data())
    def nobody_works_for_one(self, data: st.DataObject) -> None:
        busy = [connection for connection, _ in self.model if connection not in self.expendable]
        connection = data.draw(st.sampled_from(busy))
        self.admission.expend(connection)
        self.expendable.append(connection)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def somebody_works_for_one(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from([connection for connection, _ in self.model]))
        self.admission.keep(connection)
        self.expendable = [each for each in self.expendable if each != connection]

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from([connection for connection, _ in self.model]))
        self.admission.release(connection)
        self.admission.release(connection)
        self.model = [each for each in self.model if each[0] != connection]
        self.expendable = [each for each in self.expendable if each != connection]

    @invariant()
    def counts_and_order_are_the_model_s(self) -> None:
        assert self.admission.connections() == [connection for connection, _ in self.model]
        assert self.admission.full is (len(self.model) >= LIMIT)

    @invariant()
    def the_first_to_go_is_the_oldest_of_the_uid_that_holds_most(self) -> None:
        uid_of = dict(self.model)
        held = [uid for _, uid in self.model]
        first = self.admission.first_to_go()
        if not self.expendable:
            assert first is None
            return
        assert first is not None
        most = max(held.count(uid_of[connection]) for connection in self.expendable)
        assert held.count(uid_of[first]) == most
        assert first == next(each for each in self.expendable if uid_of[each] == uid_of[first])


TestAdmission = AdmissionMachine.TestCase
TestAdmission.settings = settings(max_examples=60, stateful_step_count=30)
