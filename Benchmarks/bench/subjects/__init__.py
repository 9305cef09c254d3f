"""jobq and its peers, with the same methods for the same work; a method that one lacks is work that it cannot do."""

from .beanstalkd import Beanstalkd
from .huey import Huey
from .jobq import Jobq
from .redis import Redis
from .rq import RQ
from .tsp import TaskSpooler
from .xargs import Xargs

ALL = [Jobq, Beanstalkd, Redis, Huey, RQ, TaskSpooler, Xargs]
