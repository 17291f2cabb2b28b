"""The clips that the sandbox makes and serves, each picture coded with the job it belongs to."""
