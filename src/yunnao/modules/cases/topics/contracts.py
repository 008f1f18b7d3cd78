"""What others know of topics."""

from yunnao.modules.cases.topics.domain import HALF_LIFE_WEEKS
from yunnao.modules.cases.topics.report import Message, Topic, cluster, hot_topics

__all__ = ["HALF_LIFE_WEEKS", "Message", "Topic", "cluster", "hot_topics"]
