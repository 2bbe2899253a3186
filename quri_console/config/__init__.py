"""The configuration file: where it is, what it may say, and what it said."""

from quri_console.config.load import load_config
from quri_console.config.model import (
    CanisterConfig,
    Config,
    Criticality,
    Duty,
    IdentityConfig,
    MonitorConfig,
    NetworkConfig,
    RepositoryConfig,
    Thresholds,
)
from quri_console.config.places import Paths, default_config_path, find_config_path

__all__ = [
    "CanisterConfig",
    "Config",
    "Criticality",
    "Duty",
    "IdentityConfig",
    "MonitorConfig",
    "NetworkConfig",
    "Paths",
    "RepositoryConfig",
    "Thresholds",
    "default_config_path",
    "find_config_path",
    "load_config",
]
