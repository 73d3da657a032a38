"""What can go wrong, said so that an editor knows what to do."""


class HostError(Exception):
    """Something that cannot be done.

    Attributes:
        reason: a stable name.
        message: what is wrong, with which clip, and what was found.
        way_round: what to do instead; may be empty.
    """

    def __init__(self, reason, message, way_round=""):
        super(HostError, self).__init__(message)
        self.reason = reason
        self.message = message
        self.way_round = way_round

    def text(self):
        """Both sentences."""
        if not self.way_round:
            return self.message
        return "{}. {}".format(self.message.rstrip("."), self.way_round)
