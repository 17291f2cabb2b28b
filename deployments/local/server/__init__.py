"""The loopback Prefect server of `longtake`, one per `PREFECT_HOME`: joined, started, cleaned up and ended."""
