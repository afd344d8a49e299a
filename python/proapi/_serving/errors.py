"""What ``app.run()`` prints as one line."""


class OptionError(ValueError):
    """An option of ``run`` is not valid. The text is for the user."""
