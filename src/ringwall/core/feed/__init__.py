"""Events for whoever wants to hear of them: in this process by subscription, outside by `GET /api/events`."""

from ringwall.core.feed.bus import Bus, Numbered, Subscription, SubscriptionLost
from ringwall.core.feed.feed import CursorTooOld, Feed, Following

__all__ = ["Bus", "CursorTooOld", "Feed", "Following", "Numbered", "Subscription", "SubscriptionLost"]
