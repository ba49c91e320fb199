"""A job from outside: where it stands, and its weights once it is done (`src/cli/train/{follow,collect}.ts`)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from .canonical import parse_json, sha256_hex
from .contracts import job_states, refusals
from .errors import WeighbridgeError
from .identity import decrypt
from .journal import kept_model, known_jobs, write_job
from .market import Market
from .model_file import ModelFile
from .model_files import bought_in, checked_model_files, digest_in, write_model_files
from .money import format_wei
from .purchase import pay_once, submit_once
from .receipts import receipt_of
from .results import StateDict, merged, state_dict
from .state import assert_writable, lock, write_atomic
from .tensors import read_tensors

Json = dict[str, Any]

_POLL_SECONDS = 1.0
#: An API that restarts is back well within this. The job goes on without us in any case.
_GIVE_UP_SECONDS = 180.0
#: After the deadline the operator has this long to say what happened.
_GRACE_SECONDS = 300
_FINAL = ("settled", "refunded")
#: Time left is the worker's to say: it sees every step, we see one a second.
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps{postfix}"
#: While nothing can be counted yet.
_WAIT_BAR = "{desc} [{elapsed}]"
_FETCH_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}{unit}/{total_fmt}{unit} [{rate_fmt}, {remaining} left]"

_WORDS = {
    "submitted": "waiting for a worker",
    "granting": "recording the access in the log",
    "recording": "proving the record on chain",
    "training": "training",
    "completing": "weighing and encrypting the weights to you",
    "settling": "recording the result and paying out",
    "settled": "done",
    "refusing": "recording the refusal",
    "refunding": "sending the money back",
    "refunded": "refused",
}


class Job:
    """One job of yours. :func:`weighbridge.train` waits for its own; this is for one that was begun before."""

    def __init__(self, market: Market, job_id: str, journal: Json | None = None) -> None:
        self._market = market
        self.id = job_id
        self._journal = journal

    @property
    def facts(self) -> Json:
        """All that the marketplace says of it now."""
        return self._market.api.job(self.id)

    @property
    def state(self) -> str:
        """submitted, granting, recording, training, completing, settling, settled, refusing, refunding or refunded."""
        return str(self.facts["state"])

    def wait(self, *, out: str | Path | None = None, receipt: str | Path | None = None, progress: bool = True) -> StateDict:
        """Waits until the job is final and opens what came back. Goes on with a job that was interrupted before it was paid or
        submitted, and pays nothing twice.

        :param out: also write the weights there, as they came (safetensors), and model card, bill of materials and signature
            beside them
        :param receipt: also write the receipt there
        :raises WeighbridgeError: JOB_STATE when the job was refused (the money is credit again), DEADLINE_PASSED,
            DIGEST_MISMATCH, UNAVAILABLE
        """
        assert_writable(out, receipt)
        journal = self._begun_here()
        market = self._market
        with lock(market.state.jobs / f"{journal['request']}.lock"):
            paid = pay_once(market, journal)
            if paid is None:
                raise WeighbridgeError(
                    "DEADLINE_PASSED",
                    "the job was never paid, and its deadline or offer is over",
                    next="Begin a new one with weighbridge.train.",
                )
            submitted = submit_once(market, paid)
            if "outcome" not in submitted:
                try:
                    _follow(market, submitted, show=progress)
                except KeyboardInterrupt as interrupt:
                    interrupt.add_note(
                        f"The job goes on, and is paid: weighbridge.job({self.id[:10]!r}).wait() takes it up again."
                    )
                    raise
            return _collect(market, submitted, out, receipt)

    def _begun_here(self) -> Json:
        if self._journal is not None:
            return self._journal
        prefix = "0x" + self.id.lower().removeprefix("0x")
        jobs = [job for job in known_jobs(self._market.state) if len(prefix) >= 10 and job["orderId"].startswith(prefix)]
        if len(jobs) == 1:
            return jobs[0]
        raise WeighbridgeError(
            "JOB_NOT_FOUND",
            f"{self.id} is the beginning of several jobs" if jobs else f"no job {self.id} was begun on this machine",
            next=f"Give its whole id, on the machine that holds the key to its weights ({self._market.state.jobs}).",
        )

    def __repr__(self) -> str:
        return f"<Job {self.id[:10]}>"


def _follow(market: Market, journal: Json, *, show: bool) -> None:
    """A bar over the bytes of the rows, then over the steps of training, with the state beside it, until the job is final."""
    until = int(journal["order"]["deadline"]) + _GRACE_SECONDS
    heard = time.monotonic()
    with tqdm(desc=_WORDS["submitted"], disable=not show, total=0, bar_format=_WAIT_BAR) as bar:
        while True:
            try:
                progress = market.api.job(journal["orderId"])["progress"]
                heard = time.monotonic()
                _show(bar, progress)
                if progress["state"] in _FINAL:
                    return
            except WeighbridgeError as error:
                if not error.retryable or time.monotonic() - heard > _GIVE_UP_SECONDS:
                    raise
            if time.time() > until:
                raise WeighbridgeError(
                    "DEADLINE_PASSED",
                    f"nobody finished job {journal['orderId'][:10]} before its deadline",
                    next='Run "weighbridge withdraw": it takes your payment back, nobody has to agree.',
                )
            time.sleep(_POLL_SECONDS)


def _show(bar: Any, progress: Json) -> None:
    if bar.disable:
        return
    fetched = progress.get("fetchedBytes")
    if fetched is not None:
        _show_fetching(bar, int(fetched), int(progress["toFetchBytes"]))
        return
    state = progress["state"]
    bar.set_description_str(_WORDS[state], refresh=False)
    if bar.unit_scale or progress["of"] != bar.total:
        bar.unit_scale, bar.bar_format = False, _BAR if progress["of"] > 0 else _WAIT_BAR
        # The bar of a notebook takes its total from here alone.
        bar.reset(total=progress["of"])
    # Steps are told of while it trains; whatever comes after training has all of them behind it.
    done = job_states().index(state) in range(job_states().index("completing"), job_states().index("refusing"))
    left = progress.get("secondsLeft")
    bar.set_postfix_str("" if left is None else f"{tqdm.format_interval(left)} left", refresh=False)
    bar.update((bar.total or 0 if done else progress["step"]) - bar.n)
    bar.refresh()


def _show_fetching(bar: Any, fetched: int, to_fetch: int) -> None:
    if not bar.unit_scale:
        bar.unit_scale, bar.unit_divisor, bar.unit, bar.bar_format = True, 1024, "iB", _FETCH_BAR
        bar.set_description_str("fetching rows", refresh=False)
        bar.reset(total=to_fetch)
        # The rate counts from here: neither the wait before nor what came meanwhile belongs to it.
        bar.initial = bar.n = bar.last_print_n = fetched
    bar.update(fetched - bar.n)
    bar.refresh()


def _collect(market: Market, journal: Json, out: str | Path | None, receipt: str | Path | None) -> StateDict:
    """Fetches weights and receipt, and checks the one by the other before anything is handed out."""
    order_id = journal["orderId"]
    job_dir = market.state.job(order_id)
    job = market.api.job(order_id)
    if job["state"] == "refunded":
        _expect_refund(market, order_id)
        write_job(market.state, {**journal, "outcome": "refunded"})
        raise _refused(job)
    receipt_bytes, training = receipt_of(market, journal)
    weights = decrypt(job_dir, market.api.get_blob(_bare(training["ciphertextDigest"])))
    if sha256_hex(weights) != _bare(training["weightsDigest"]):
        raise WeighbridgeError(
            "DIGEST_MISMATCH",
            "the weights are not those that the receipt names",
            next="Show receipt and ciphertext to the operator: what was logged was not delivered.",
        )
    kept_receipt = job_dir / "receipt.json"
    write_atomic(kept_receipt, receipt_bytes)
    if receipt is not None:
        write_atomic(Path(receipt).absolute(), receipt_bytes, 0o644)
    recorded = digest_in(parse_json(receipt_bytes))
    files = {} if recorded is None else checked_model_files(market.api.model_files(order_id), recorded)
    if out is not None:
        target = Path(out).absolute()
        write_model_files(files, target.parent)
        write_atomic(target, weights)
    write_job(market.state, {**journal, "outcome": "settled"})
    tensors = read_tensors(weights)
    model = kept_model(market.state, order_id)
    whole = tensors if model is None else merged(ModelFile.from_bytes(model), tensors)
    return state_dict(whole, order_id, kept_receipt, journal["declaration"], bought_in(files))


def _expect_refund(market: Market, order_id: str) -> None:
    """By the marketplace's word alone the next call would pay for the same training a second time."""
    state = market.chain.order_state(order_id)
    if state != "refunded":
        raise WeighbridgeError(
            "JOB_STATE",
            f"the marketplace says that job {order_id[:10]} was paid back, and on chain it is {state}",
            next="Try again in a minute. If it stays so, do not pay here again; "
            'after the deadline "weighbridge withdraw" takes the payment back.',
            retryable=True,
        )


def _refused(job: Json) -> WeighbridgeError:
    price, reason = format_wei(int(job["priceWei"])), job["reason"]
    known = refusals().get(reason)
    paid_back = f'Your {price} USDFC went back to you as credit in the contract: "weighbridge withdraw" pays it out.'
    why = (reason or "no reason was given") if known is None else f"{known['means']} ({reason})"
    return WeighbridgeError(
        "JOB_STATE",
        f"training was refused: {why}",
        next=paid_back if known is None else f"{known['next']} {paid_back}",
        details={"orderId": job["id"], "reason": reason, "refundTransaction": job["refundTransaction"]},
    )


def _bare(digest: str) -> str:
    return digest.removeprefix("0x")
