"""What is wrong with a value that an administrator gave: one sentence, and the field it is about."""


class PolicyError(ValueError):
    """A setting that cannot be accepted. `field` names it as the administrator knows it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
