"""The sandbox as one object: all vendors, a media host and a bill behind one loopback port."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from starlette.applications import Starlette
from starlette.routing import Mount

from longtake.sandbox.bill import Bill
from longtake.sandbox.clips.media_host import MediaHost
from longtake.sandbox.clips.shelf import Shelf
from longtake.sandbox.control import control_routes
from longtake.sandbox.endpoint import VendorEndpoint, api_key
from longtake.sandbox.events import EventLog, Listener
from longtake.sandbox.faults import Fault, Faults
from longtake.sandbox.inputs.assets import Assets
from longtake.sandbox.inputs.references import ReferenceDesk
from longtake.sandbox.inputs.uploads import Uploads
from longtake.sandbox.jobs import Job, Jobs
from longtake.sandbox.server import BackgroundServer
from longtake.sandbox.settings import SandboxSettings
from longtake.sandbox.state import Back
from longtake.sandbox.vendors import DIALECTS
from longtake.sandbox.vendors.prices import fictitious_prices

__all__ = ["Fault", "Sandbox", "SandboxSettings", "fictitious_prices", "serve"]

VENDORS = tuple(DIALECTS)


class Sandbox:
    """The vendors on loopback. A context manager: serves between `start` and `stop`.

    Attributes:
        bill: What was accepted and what it cost.
        faults: The fault plans in force.
        events: Everything that happened.
        settings: May be changed while it serves.
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.bill, self.faults, self.events = Bill(), Faults(), EventLog()
        self._jobs, self._assets, self._uploads = Jobs(), Assets(), Uploads()
        self._shelf = Shelf(self.settings)
        self._media = MediaHost(self._jobs, self._shelf, self.faults, self.events)
        self._back = Back(
            settings=self.settings,
            jobs=self._jobs,
            bill=self.bill,
            faults=self.faults,
            events=self.events,
            media=self._media,
            assets=self._assets,
            uploads=self._uploads,
            references=ReferenceDesk(self._assets),
            shelf=self._shelf,
        )
        self._server: BackgroundServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serves from now on, in a thread of its own."""
        self._server = BackgroundServer(self._app(), self.settings.host, self.settings.port)
        self._server.start()

    def stop(self) -> None:
        """Stops serving and forgets the clips."""
        if self._server is not None:
            self._server.stop()
        self._shelf.close()

    def _app(self) -> Starlette:
        mounts: list[Mount] = []
        for name, dialect in DIALECTS.items():
            endpoint = VendorEndpoint(dialect, self._back)
            mounts.append(Mount(f"/{name}", routes=endpoint.routes))
            mounts.append(Mount(f"/{name}-uploads", routes=dialect.upload_routes(endpoint)))
        return Starlette(
            routes=[*mounts, *self._media.routes, *self._uploads.routes, *control_routes(self._back, VENDORS)]
        )

    @property
    def url(self) -> str:
        """Where the sandbox listens."""
        if self._server is None:
            raise RuntimeError("the sandbox is not running")
        return f"http://{self._server.host}:{self._server.port}"

    def base_url(self, vendor: str) -> str:
        """The vendor's API; its documents' paths stand below."""
        return f"{self.url}/{vendor}"

    def upload_base_url(self, vendor: str) -> str:
        """The vendor's upload host, which for two of them is the API itself."""
        return f"{self.url}/{vendor}{DIALECTS[vendor].upload_suffix}"

    def api_key(self, vendor: str, account: str = "default") -> str:
        """The key the vendor accepts; every other account name has a key, and jobs, of its own."""
        return api_key(vendor, account)

    def environment(self) -> dict[str, str]:
        """Environment variables that point Longtake at this sandbox."""
        variables = {"LONGTAKE_ALLOW_HOSTS": self.settings.host}
        for vendor in VENDORS:
            prefix = vendor.upper()
            variables |= {
                f"{prefix}_API_KEY": self.api_key(vendor),
                f"{prefix}_BASE_URL": self.base_url(vendor),
                f"{prefix}_UPLOAD_BASE_URL": self.upload_base_url(vendor),
                f"{prefix}_POLL_INTERVAL_SECONDS": "0.2",
            }
        return variables

    @property
    def keys_seen_by_media_host(self) -> list[str]:
        """Authorization headers that reached the media host; there should be none."""
        return self._media.keys_seen

    def on_event(self, listener: Listener) -> None:
        """Calls `listener` with every coming event, in the server's thread and before the answer is sent."""
        self.events.listen(listener)

    def job(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            LookupError: There is none.
        """
        job = self._jobs.find(job_id)
        if job is None:
            raise LookupError(f"the sandbox has no job {job_id}")
        return job

    def jobs(self, vendor: str | None = None) -> list[Job]:
        """All jobs of a vendor, or of all, in the order of acceptance."""
        return [job for job in self._jobs if vendor in (None, job.vendor)]

    def peak_in_flight(self, vendor: str) -> int:
        """The most jobs that were in flight at a vendor at one time."""
        return self._jobs.peak_in_flight(vendor)

    def in_flight_history(self, vendor: str) -> list[tuple[float, int]]:
        """Jobs in flight after each change, as (monotonic time, count)."""
        return self._jobs.in_flight_history(vendor)


def serve(settings: SandboxSettings | None = None, print_line: Callable[[str], None] = print) -> None:
    """Runs the sandbox until interrupted, and tells how to point at it."""
    with Sandbox(settings) as sandbox:
        print_line(f"The sandbox listens on {sandbox.url}; its bill is at {sandbox.url}/_sandbox/bill")
        print_line(f"Nothing here costs anything. What can be set, and go wrong, is at {sandbox.url}/_sandbox")
        print_line("Point Longtake at it, for every vendor and account, with:")
        print_line(f"export LONGTAKE_SANDBOX_URL={sandbox.url} LONGTAKE_ALLOW_HOSTS={sandbox.settings.host}")
        print_line("or vendor by vendor:")
        for name, value in sandbox.environment().items():
            print_line(f"export {name}={value}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print_line("The sandbox is closed.")
