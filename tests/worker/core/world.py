"""A small Tavus around one job, with a memory and weather: what it made is what it says when asked. It may not know what the job should do."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tests.worker.core.samples import HOUR, MINUTE, NOW, RULES
from worker.core import events as ev
from worker.core.decide import decide
from worker.core.decision import IllegalTransition
from worker.core.effects import (
    CheckInput,
    ConfirmFailure,
    DeleteReplica,
    Effect,
    EndConversation,
    LookAtConversation,
    LookUpConversation,
    LookUpMark,
    OpenConversation,
    PollReplica,
    RenameReplica,
    StopAccount,
    SubmitReplica,
    TellCaller,
    VerifyWitness,
)
from worker.core.failures import Failure
from worker.core.job import ConversationId, Job, Mark, ReplicaId
from worker.core.replay import Told
from worker.core.rules import Rules
from worker.core.states import State

FINE = 0
"""The luck with which everything is done and answered."""
ENDS = (None, None, Failure.HEADPHONES, Failure.AUDIO_PROCESSING, Failure.UNRECOGNISED, Failure.CELEBRITY_FOUND)
REFUSALS = (Failure.RATE_LIMITED, Failure.OUT_OF_CREDIT, Failure.UNREACHABLE, Failure.CONVERSATIONS_FULL)
PEOPLE = (
    *[ev.CallbackReceived(), ev.ReleaseRequested(), ev.ConversationRequested(), ev.DeletionRequested(), ev.AccountResumed()] * 6,
    *[ev.ConversationEndRequested()] * 3,
    *[ev.LinkVisited()] * 6,
    *[ev.LinkVisited(opens=False), ev.VisitorLeft()] * 2,
    *[ev.CancelRequested(), ev.AbandonRequested(), ev.RetryRequested()] * 2,
)  # fmt: skip


@dataclass
class Replica:
    """One that was made, and so paid for."""

    id: ReplicaId
    mark: Mark
    ends_at: datetime
    failure: Failure | None
    deleted: bool = False
    renamed: bool = False

    def failed(self, now: datetime) -> bool:
        """Whether its training has ended in an error."""
        return self.failure is not None and now >= self.ends_at


def _answer(how: int, *answers: ev.Event) -> list[ev.Event]:
    """The answer of that number; past the last there is none, since the worker died before it came."""
    return [answers[how]] if how < len(answers) else []


class World:
    """The job, what was really made for it, the answers on their way, and those that came (and may come again)."""

    def __init__(self, start: Job, rules: Rules = RULES) -> None:
        """Begin with nothing made."""
        self.job, self.now, self.rules = start, NOW, rules
        self.replicas: list[Replica] = []
        self.conversations: list[Mark] = []
        self.over: set[Mark] = set()
        self.mail: list[ev.Event] = []
        self.history: list[ev.Event] = []
        self.wrongs: list[str] = []
        self.story: list[str] = []
        self.told: list[Told] = []  # the lines that the ledger would keep: those that say why

    def __repr__(self) -> str:
        """For the reader of a failure: what the job was told, and where it went."""
        return "".join(f"\n  {line}" for line in self.story)

    def tell(self, event: ev.Event, luck: int = FINE) -> None:
        """Let the job learn of the event, and do at once what it asks for."""
        try:
            decision = decide(self.job, event, self.now, self.rules)
        except IllegalTransition:
            return
        asked = [type(effect).__name__ for effect in decision.effects]
        self.story.append(f"+{self.now - NOW} {self.job.state}: {event} -> {decision.job.state} {asked} (luck {luck})")
        if decision.why:
            self.told.append(Told(event, self.now, decision.job.state, self.rules, self.job.terms))
        self.job = decision.job
        for effect in decision.effects:
            self.mail += self._done(effect, luck)

    def fall_due(self, luck: int = FINE) -> None:
        """Let time pass until the job is due, claim it and look at it."""
        if self.job.due_at is not None:
            self.now = max(self.now, self.job.due_at)
            self.job = replace(self.job, due_at=self.now + RULES.lease)
            self.tell(ev.FellDue(), luck)

    def delete_due(self, luck: int = FINE) -> None:
        """Work on the deletions, and on the end of the conversation, that are due by now."""
        for one in self.job.attempts:
            if one.deletion is not None and one.deletion.due_at <= self.now and one.replica_id is not None:
                self.tell(ev.DeletionFellDue(one.replica_id), luck)
        talk = self.job.conversation
        if talk is not None and talk.id is not None and talk.end_due_at is not None and talk.end_due_at <= self.now:
            self.tell(ev.ConversationEndFellDue(talk.id), luck)

    def call_back(self, pick: int) -> None:
        """Let Tavus call back about one of the replicas that it made."""
        if self.replicas:
            one = self.replicas[pick % len(self.replicas)]
            self.tell(ev.CallbackReceived(one.mark, one.id))

    def deliver(self, index: int, luck: int = FINE) -> None:
        """Bring one of the answers that are on their way."""
        if self.mail:
            event = self.mail.pop(index % len(self.mail))
            self.history.append(event)
            self.tell(event, luck)

    def deliver_again(self, index: int, luck: int) -> None:
        """Bring one of the last answers once more."""
        if self.history:
            recent = self.history[-6:]
            self.tell(recent[index % len(recent)], luck)

    def _done(self, effect: Effect, luck: int) -> list[ev.Event]:  # noqa: C901, PLR0912 - one case for each effect
        """What the effect does here, and the answer, if one comes."""
        cut = luck % 4 == 1
        answers: list[ev.Event]
        match effect:
            case CheckInput():
                answers = [ev.InputUnread("503") if cut else ev.InputPassed()]
            case SubmitReplica():
                answers = self._submit(effect.mark, luck)
            case LookUpMark():
                answers = [ev.LookupUnread(effect.mark, "500") if cut else self._scan(effect.mark)]
            case VerifyWitness():
                answers = [ev.LookupUnread(effect.mark, "500") if cut else self._verify(effect)]
            case RenameReplica():
                answers = [ev.RenameFailed(effect.replica_id, "500") if cut else self._rename(effect.replica_id)]
            case PollReplica():
                answers = [ev.PollUnread("500") if cut else self._poll(effect.replica_id)]
            case OpenConversation():
                answers = self._open(effect.mark, luck)
            case LookUpConversation():
                answers = [ev.ConversationUnread(effect.mark, "500") if cut else self._scan_conversations(effect.mark)]
            case ConfirmFailure():
                answers = [ev.DeletionUnread(effect.replica_id, "500") if cut else self._confirm(effect.replica_id)]
            case DeleteReplica():
                answers = [ev.DeletionUnread(effect.replica_id, "500") if cut else self._delete(effect)]
            case EndConversation():
                answers = [ev.ConversationEndUnread(effect.conversation_id, "500") if cut else self._end(effect)]
            case LookAtConversation():
                answers = [ev.ConversationUnread(effect.mark, "500") if cut else self._look_at(effect, luck)]
            case StopAccount() | TellCaller():
                answers = []
        return answers

    def _submit(self, mark: Mark, luck: int) -> list[ev.Event]:
        if any(not (replica.failed(self.now) or replica.deleted) for replica in self.replicas):
            self.wrongs.append(f"{mark} was paid for beside a replica that trains or is trained")
        how = luck % 8
        if how in {5, 6, 7}:  # not made: refused, lost on the way, or the worker died before it sent anything
            return _answer(how - 5, ev.SubmissionRefused(mark, REFUSALS[luck % 3], "no"), ev.SubmissionLost(mark, "cut"))
        made = Replica(ReplicaId(f"r({mark})"), mark, self.now + HOUR, ENDS[luck // 8 % len(ENDS)])
        self.replicas.append(made)
        accepted = ev.SubmissionAccepted(mark, made.id)
        return _answer(how, accepted, accepted, accepted, ev.SubmissionLost(mark, "cut"))

    def _scan(self, mark: Mark) -> ev.Event:
        found = [replica for replica in self.replicas if replica.mark == mark and not replica.deleted and not replica.renamed]
        return ev.MarkFound(mark, found[0].id) if found else ev.MarkAbsent(mark)

    def _made(self, replica_id: ReplicaId) -> Replica:
        (one,) = [replica for replica in self.replicas if replica.id == replica_id]
        return one

    def _verify(self, effect: VerifyWitness) -> ev.Event:
        one = self._made(effect.replica_id)
        if one.deleted or one.renamed or one.mark != effect.mark:
            return ev.WitnessRejected(effect.mark, one.id, "it is gone, or carries another name")
        return ev.MarkFound(one.mark, one.id)

    def _rename(self, replica_id: ReplicaId) -> ev.Event:
        self._made(replica_id).renamed = True
        return ev.ReplicaRenamed(replica_id)

    def _poll(self, replica_id: ReplicaId) -> ev.Event:
        one = self._made(replica_id)
        if one.deleted:
            return ev.ReplicaMissing(replica_id, "404")
        if self.now < one.ends_at:
            return ev.TrainingContinued(replica_id, None)
        return ev.TrainingFailed(replica_id, one.failure, "error") if one.failure else ev.TrainingCompleted(replica_id)

    def _open(self, mark: Mark, luck: int) -> list[ev.Event]:
        if beside := [one for one in self.conversations if one not in self.over]:
            self.wrongs.append(f"{mark} was opened beside {beside[0]}")
        how = luck % 8
        if how in {4, 5, 6, 7}:
            return _answer(how - 4, ev.ConversationRefused(mark, REFUSALS[luck % 4], "no"), ev.ConversationLost(mark, "cut"))
        self.conversations.append(mark)
        opened = ev.ConversationOpened(mark, ConversationId(f"c({mark})"), "https://tavus.example")
        return _answer(how, opened, opened, ev.ConversationLost(mark, "cut"))

    def _scan_conversations(self, mark: Mark) -> ev.Event:
        if mark in self.conversations and mark not in self.over:
            return ev.ConversationFound(mark, ConversationId(f"c({mark})"), "https://tavus.example")
        return ev.ConversationAbsent(mark)

    def _end(self, effect: EndConversation) -> ev.Event:
        if effect.mark not in self.conversations:
            self.wrongs.append(f"{effect.conversation_id} was ended, which nobody opened")
        self.over.add(effect.mark)
        return ev.ConversationEnded(effect.conversation_id)

    def _look_at(self, effect: LookAtConversation, luck: int) -> ev.Event:
        """By some of the looks it has ended meanwhile."""
        if luck % 3 == 0:
            self.over.add(effect.mark)
        is_over = effect.mark in self.over
        return ev.ConversationEnded(effect.conversation_id) if is_over else ev.ConversationContinued(effect.conversation_id)

    def _confirm(self, replica_id: ReplicaId) -> ev.Event:
        one = self._made(replica_id)
        if one.deleted:
            return ev.ReplicaDeleted(one.id)
        return ev.FailureConfirmed(one.id) if one.failed(self.now) else ev.DeletionDeclined(one.id, "it does not say error")

    def _delete(self, effect: DeleteReplica) -> ev.Event:
        one = self._made(effect.replica_id)
        if not one.deleted and (self.now < one.ends_at or (one.failure and self.now < one.ends_at + RULES.refund_hold)):
            self.wrongs.append(f"{one.id} was deleted while its credit was at stake")
        if not one.deleted and self.job.state is State.OPENING and self.job.replica_id == one.id:
            self.wrongs.append(f"{one.id} was deleted under the conversation that is being opened with it")
        one.deleted = True
        return ev.ReplicaDeleted(one.id)


def lived(chance: bytes, start: Job, rules: Rules = RULES) -> World:
    """Bad weather: four bytes are a step, and a leading zero is none."""
    world = World(start, rules)
    for kind, pick, luck, wait in zip(*[iter(chance)] * 4, strict=False):
        if kind == 0:
            continue
        world.now += (timedelta(0), timedelta(seconds=1), MINUTE, 10 * MINUTE, 40 * MINUTE, 12 * HOUR)[wait % 6]
        match kind % 9:
            case 0 | 1 | 2:
                world.fall_due(luck)
            case 3 | 4 | 5:
                world.deliver(pick, luck)
            case 6:
                world.deliver_again(pick, luck)
            case 7:
                world.delete_due(luck)
                world.call_back(pick)
            case _:
                world.tell(PEOPLE[pick % len(PEOPLE)], luck)
    return world


def calm(world: World, looks: int = 400) -> World:
    """Fair weather from here on: every answer comes at once, and a person releases what is held. Ends when all is known, or after so many looks."""
    for _ in range(looks):
        if world.mail:
            world.deliver(0)
        elif world.job.state is State.HELD:
            world.tell(ev.ReleaseRequested())
        elif world.job.due_at is None:
            return world
        else:
            world.fall_due()
    return world
