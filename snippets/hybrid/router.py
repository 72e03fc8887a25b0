"""Which model answers, and what is sent to it?"""

# --8<-- [start:imports]
import random
import time
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from snippets.hybrid.bodies import Body, bodies
from snippets.hybrid.breaker import Breaker
from snippets.hybrid.budget import (
    Budget,
    Held,
    Spent,
)
from snippets.hybrid.client import (
    Said,
    chat,
    request,
    stream,
)
from snippets.hybrid.endpoint import Endpoint
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.gate import Gate
from snippets.hybrid.policy import (
    Cloud,
    Conversations,
    Decision,
    Facts,
    Label,
    Reason,
    Route,
    Scan,
    Task,
    decide,
    decide_again,
    must_stay,
)
from snippets.hybrid.prove import prove
from snippets.hybrid.record import Answer, Record
from snippets.hybrid.retries import Retries, ask
from snippets.hybrid.settings import Settings
from snippets.hybrid.surface import (
    Scanner,
    inspect,
)
from snippets.hybrid.transport import Clock, Direct

T = TypeVar("T")
Far = tuple[Endpoint, Gate, Budget]
Pieces = Generator[Said, None, None]
Deltas = Generator[dict[str, Any], None, None]
Read = Callable[
    [httpx.BaseTransport, httpx.Request, int], T
]
NOTHING = Spent(input_tokens=0, output_tokens=0)
# --8<-- [end:imports]


# --8<-- [start:run]
@dataclass
class Run:
    """One request on its way."""

    label: Label
    task: Task
    conversation: str | None = field(repr=False)
    started_s: float
    home: bytes = field(default=b"", repr=False)
    out: bytes = field(default=b"", repr=False)
    most: Spent = NOTHING
    found: dict[str, int] = field(
        default_factory=dict
    )
    scan: Scan = Scan.NOT_DONE
    route: Route = Route.REFUSE
    reason: Reason = Reason.DEFAULT
    tries: int = 0
    held: Held | None = None
    spent: Spent | None = None
    usd: float = 0.0

    def count(self, said: Said) -> None:
        """Note what the server counted, if both."""
        came = said.input_tokens
        went = said.output_tokens
        if came is not None and went is not None:
            self.spent = Spent(
                input_tokens=came,
                output_tokens=went,
            )


# --8<-- [end:run]


# --8<-- [start:router]
class HybridLLMRouter:
    """Sends a request to your model, or hosted.

    scan: counts secrets in a text, by category.
    sink: gets the record of every request.
    local, cloud: transports, in place of a network.
    """

    def __init__(
        self,
        settings: Settings,
        scan: Scanner,
        sink: Callable[[Record], None]
        | None = None,
        local: httpx.BaseTransport | None = None,
        cloud: httpx.BaseTransport | None = None,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._scan = scan
        self._sink = sink
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._local = local or Direct(
            settings.local_networks,
            settings.seconds,
            clock,
            settings.local.ca_file,
        )
        self._proved = False
        self._far: Far | None = None
        if settings.cloud and settings.budget:
            inner = cloud or Direct(
                None,
                settings.seconds,
                clock,
                settings.cloud.ca_file,
            )
            self._far = (
                settings.cloud,
                Gate(
                    inner,
                    settings.cloud.chat_url,
                    scan,
                ),
                Budget(settings.budget),
            )
        self._breakers = {
            Route.LOCAL: Breaker(settings.breaker),
            Route.CLOUD: Breaker(settings.breaker),
        }
        self._retries = Retries(settings.retries)
        self._conversations = Conversations()

    def chat(
        self,
        body: Body,
        *,
        label: Label = Label.INTERNAL,
        task: Task = Task.DEFAULT,
        conversation: str | None = None,
    ) -> Answer:
        """Answer a request in one piece.

        body: messages, or what OpenAI's chat takes
        but for `model` and `stream`.
        Raises: HybridError, with nothing of the
        request or the answer in it.
        """
        run = self._begin(
            body, label, task, conversation, False
        )
        said = self._dispatch(run, chat)
        run.count(said)
        return Answer(said.message, self._end(run))

    def stream(
        self,
        body: Body,
        *,
        label: Label = Label.INTERNAL,
        task: Task = Task.DEFAULT,
        conversation: str | None = None,
    ) -> Deltas:
        """Answer piece by piece, as deltas.

        Nothing is sent before the first is asked
        for; nothing that has begun begins again.
        Raises: as `chat`, also between two pieces.
        """
        run = self._begin(
            body, label, task, conversation, True
        )
        return self._follow(run)

    def prove(self) -> None:
        """Make sure that the local model is local.

        Done before its first use; do it at start-up
        to learn of a mistake then.
        """
        prove(
            self._local,
            self._settings.local,
            self._settings.most_answer_bytes,
        )
        self._proved = True

    def _begin(
        self,
        body: Body,
        label: Label,
        task: Task,
        conversation: str | None,
        streamed: bool,
    ) -> Run:
        for name, value, kind in (
            ("label", label, Label),
            ("task", task, Task),
        ):
            if type(value) is not kind:
                raise TypeError(
                    f"{name}: not a {kind.__name__}"
                )
        run = Run(
            label, task, conversation, self._clock()
        )
        try:
            self._write(run, body, streamed)
        except HybridError as error:
            failed = error.args
        else:
            self._look(run)
            run.route, run.reason = decide(
                self._facts(run)
            )
            return run
        self._end(run, failed[0])
        raise HybridError(*failed)

    def _write(
        self, run: Run, body: Body, streamed: bool
    ) -> None:
        """Write what is sent, or taint."""
        try:
            run.home, run.out, limit = bodies(
                body, self._settings, streamed
            )
        except Exception:
            self._taint(run)
            raise
        run.most = Spent(
            input_tokens=len(run.out),
            output_tokens=limit,
        )

    def _look(self, run: Run) -> None:
        """Scan what may leave; taint the rest."""
        public = run.label is Label.PUBLIC
        if public and self._far:
            run.scan = Scan.FAILED
            with suppress(Exception):
                run.found = inspect(
                    run.out, self._scan
                )
                run.scan = Scan.CLEAN
                if run.found:
                    run.scan = Scan.FOUND
        if run.scan is not Scan.CLEAN:
            self._taint(run)

    def _taint(self, run: Run) -> None:
        if run.conversation is not None:
            self._conversations.taint(
                run.conversation
            )

    def _facts(self, run: Run) -> Facts:
        name = run.conversation
        tainted = name is not None and (
            self._conversations.tainted(name)
        )
        return Facts(
            label=run.label,
            task=run.task,
            tainted=tainted,
            scan=run.scan,
            cloud=self._cloud(run),
            default=self._settings.default_route,
            overflow=self._settings.overflow,
        )

    def _cloud(self, run: Run) -> Cloud:
        if self._far is None:
            return Cloud.ABSENT
        now = self._clock()
        if not self._breakers[Route.CLOUD].closed(
            now
        ):
            return Cloud.BROKEN
        if not self._far[2].fits(run.most, now):
            return Cloud.SPENT
        return Cloud.READY

    def _dispatch(
        self, run: Run, read: Read[T]
    ) -> T:
        """Ask there, then where else it may go."""
        try:
            return self._ask(run, read)
        except HybridError as error:
            failed = error.args
        again = decide_again(self._facts(run))
        if run.route is Route.CLOUD:
            again = Decision(
                Route.LOCAL, Reason.CLOUD_FAILED
            )
        if again.route is not Route.REFUSE:
            run.route, run.reason = again
            try:
                return self._ask(run, read)
            except HybridError as error:
                failed = error.args
        self._end(run, failed[0])
        raise HybridError(*failed)

    def _ask(self, run: Run, read: Read[T]) -> T:
        def once() -> T:
            if run.route is Route.CLOUD:
                return self._ask_cloud(run, read)
            return self._ask_local(run, read)

        return ask(
            once,
            self._settings.retries,
            self._retries,
            self._breakers[run.route],
            self._clock,
            self._sleep,
            self._chance,
        )

    def _ask_local(
        self, run: Run, read: Read[T]
    ) -> T:
        run.tries += 1
        if not self._proved:
            self.prove()
        return read(
            self._local,
            request(self._settings.local, run.home),
            self._settings.most_answer_bytes,
        )

    def _ask_cloud(
        self, run: Run, read: Read[T]
    ) -> T:
        """Check all of it again, and send it."""
        if self._far is None:
            raise HybridError(Kind.REFUSED)
        cloud, gate, budget = self._far
        run.held = budget.hold(
            run.most, self._clock()
        )
        if run.held is None:
            raise HybridError(Kind.SPENT)
        cost = NOTHING
        try:
            permit = gate.permit(run.out, run.label)
            if must_stay(self._facts(run)):
                raise HybridError(Kind.REFUSED)
            run.tries += 1
            cost = run.most
            return read(
                gate,
                request(cloud, run.out, permit),
                self._settings.most_answer_bytes,
            )
        except BaseException as error:
            if isinstance(error, HybridError) and (
                error.free
            ):
                cost = NOTHING
            self._settle(run, cost)
            raise

    def _settle(
        self, run: Run, spent: Spent
    ) -> None:
        """Book what a try did cost, or the most."""
        prices = self._settings.budget
        if self._far and prices and run.held:
            self._far[2].settle(run.held, spent)
            run.usd += spent.usd(prices)
        run.held = None

    def _follow(self, run: Run) -> Deltas:
        failed: tuple[Any, ...] = (Kind.ABANDONED,)
        pieces = self._dispatch(run, begun)
        try:
            for said in pieces:
                run.count(said)
                if said.message:
                    yield said.message
            failed = (None,)
        except HybridError as error:
            failed = error.args
            if error.passing:
                self._breakers[run.route].failed(
                    self._clock()
                )
        finally:
            pieces.close()
            self._end(run, failed[0])
        if failed[0]:
            raise HybridError(*failed)

    def _end(
        self, run: Run, kind: Kind | None = None
    ) -> Record:
        """Settle the cost, and keep the record."""
        if kind is None:
            self._breakers[run.route].succeeded()
        whole = None if kind else run.spent
        self._settle(run, whole or run.most)
        record = Record(
            route=run.route,
            reason=run.reason,
            label=run.label,
            task=run.task,
            found=run.found,
            outcome=kind.value
            if kind
            else "answered",
            tries=run.tries,
            seconds=self._clock() - run.started_s,
            spent=run.spent,
            usd=run.usd,
        )
        if self._sink:
            self._sink(record)
        return record


def begun(
    transport: httpx.BaseTransport,
    asked: httpx.Request,
    most_bytes: int,
) -> Pieces:
    """Begin a stream: wait for its first piece."""
    pieces = stream(transport, asked, most_bytes)
    first = next(pieces, None)
    return _resume(first, pieces)


def _resume(
    first: Said | None, rest: Pieces
) -> Pieces:
    with closing(rest):
        if first:
            yield first
        yield from rest


# --8<-- [end:router]
