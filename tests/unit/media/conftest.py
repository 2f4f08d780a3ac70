"""A thread for files that works at once, and an engine without a clock."""

import pytest


class NowFiles:
    """Does each job when it is collected, in order, in the same thread."""

    def __init__(self):
        self.jobs = []
        self.hold = False

    def submit(self, job, done, *, must=False):
        self.jobs.append((job, done))

    def collect(self):
        while self.jobs and not self.hold:
            job, done = self.jobs.pop(0)
            try:
                result = job()
            except Exception as error:  # noqa: BLE001 - as the thread does
                done(None, error)
            else:
                done(result, None)


@pytest.fixture
def files():
    return NowFiles()
