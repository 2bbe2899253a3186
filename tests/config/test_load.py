"""A configuration is either understood completely or refused with file, line and what is allowed."""

from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from quri_console.config import Config, Thresholds, load_config
from quri_console.config.model import is_mainnet_root_key
from quri_console.config.principal_text import principal_fault, principal_text
from quri_console.errors import ConfigError, ExitCode, UsageError

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
MINIMAL = '[networks.ic]\nurl = "https://icp-api.io"\n'
CANISTER = '[canisters.rune-engine]\nid = "pkrpq-5qaaa-aaaah-aroda-cai"\n'
MAINNET_KEY = (
    "308182301d060d2b0601040182dc7c0503010201060c2b0601040182dc7c05030201036100814c0e6ec71fab583b08bd81373c255c"
    "3c371b2e84863c98a4f1e08b74235d14fb5d9c0cd546d9685f913a0c0b2cc5341583bf4b4392e467db96d65b9bb4cb717112f8472e"
    "0d5a4d14505ffd7484b01291091c5f87b98883463f98091a0baaae"
)


@pytest.fixture
def load(tmp_path: Path) -> "Loader":
    return Loader(tmp_path / "config.toml")


class Loader:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, text: str) -> Config:
        self.path.write_text(text)
        return load_config(self.path)

    def fault(self, text: str) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            self(text)
        assert caught.value.exit_code == ExitCode.USAGE
        return caught.value


def test_the_example_is_valid_and_complete() -> None:
    config = load_config(EXAMPLE)
    assert [network.name for network in config.networks] == ["ic", "local"]
    assert [network.production for network in config.networks] == [True, False]
    assert [(canister.name, canister.criticality) for canister in config.canisters] == [
        ("rune-engine", "high"),
        ("registry", "high"),
        ("bitcoin-integration", "medium"),
        ("identity-manager", "medium"),
    ]


def test_the_example_states_the_defaults(load: Loader) -> None:
    assert load_config(EXAMPLE).monitor == load(MINIMAL).monitor


def test_production_is_the_default_and_mainnet_cannot_opt_out(load: Loader) -> None:
    local = '[networks.local]\nurl = "http://127.0.0.1:1"\n'
    assert load(local).networks[0].production
    assert not load(local + "production = false\n").networks[0].production
    assert load(MINIMAL + "production = false\n").networks[0].production
    disguised = f'{local}root_key = "{MAINNET_KEY}"\nproduction = false\n'
    assert load(disguised).networks[0].production


def test_what_opens_the_repository_is_named_by_paths_beside_the_file(load: Loader) -> None:
    assert load(MINIMAL).repository.identity is None
    text = MINIMAL + '[repository]\nidentity = "key.txt"\npassphrase_file = "~/passphrase"\n'
    repository = load(text).repository
    assert repository.identity == load.path.parent / "key.txt"
    assert repository.passphrase_file == Path.home() / "passphrase"
    error = load.fault(MINIMAL + '[repository]\npassphrase = "a horse"\n')
    assert "line 4: repository.passphrase is not known" in error.what
    assert "Did you mean 'passphrase_file'?" in error.next_step


def test_mainnets_root_key_is_known() -> None:
    assert is_mainnet_root_key(bytes.fromhex(MAINNET_KEY))
    assert not is_mainnet_root_key(bytes(133))


def test_root_keys_are_fetched_from_this_machine_only(load: Loader) -> None:
    assert load('[networks.local]\nurl = "http://[::1]:4943"\n').networks[0].root_key == "fetch"
    assert load(MINIMAL).networks[0].root_key is None
    error = load.fault(MINIMAL + 'root_key = "fetch"\n')
    assert "line 3: networks.ic.root_key is 'fetch' for another machine" in error.what


def test_paths_start_at_the_file_and_at_home(load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    config = load(
        MINIMAL + '[identities.poll]\npem = "viewer.pem"\n[identities.operate]\npem = "~/o.pem"\n'
        '[repository]\npath = "/srv/backups"\n[paths]\nroot = "below"\n'
    )
    assert config.require_identity("poll").pem == tmp_path / "viewer.pem"
    assert config.require_identity("operate").pem == Path("/home/operator/o.pem")
    assert config.repository.path == Path("/srv/backups")
    assert config.paths.history == tmp_path / "below/state/history.sqlite"


def test_a_duty_without_identity_says_what_to_add(load: Loader) -> None:
    config = load(MINIMAL)
    assert config.identity("poll") is None
    with pytest.raises(ConfigError, match="backup") as caught:
        config.require_identity("backup")
    assert "[identities.backup]" in caught.value.next_step


def test_canisters_inherit_thresholds_and_may_set_their_own(load: Loader) -> None:
    config = load(MINIMAL + '[monitor]\nwarning = "2T"\n' + CANISTER + 'critical = "1.5T"\n')
    assert config.canisters[0].thresholds == Thresholds(warning_cycles=2 * 10**12, critical_cycles=1_500_000_000_000)


def test_names_and_ids_find_canisters_and_near_misses_are_suggested(load: Loader) -> None:
    config = load(MINIMAL + CANISTER)
    assert config.canister("rune-engine") is config.canister("pkrpq-5qaaa-aaaah-aroda-cai")
    with pytest.raises(UsageError) as caught:
        config.canister("rune-engin")
    assert "Did you mean 'rune-engine'?" in caught.value.next_step
    with pytest.raises(UsageError, match="no network 'local'"):
        config.network("local")


FAULTS = [
    ("[networks.ic]\nurl = 5\n", 2, "networks.ic.url is a whole number", "https://icp-api.io"),
    ('[networks.ic]\nurl = "icp-api.io"\n', 2, "networks.ic.url is 'icp-api.io'", "https://icp-api.io"),
    ('[networks.ic]\nurl = "http://u:p@h"\n', 2, "holds a user name or password", ""),
    ("[networks.ic]\n", 1, "networks.ic.url is missing", "https://icp-api.io"),
    ("", 1, "networks are missing", "[networks.ic]"),
    ('\n\n[networks."a b"]\nurl = "https://x"\n', 3, "'a b' cannot be a name", "letters"),
    (MINIMAL + 'root_key = "0011"\n', 3, "has 2 bytes", "133 bytes"),
    (MINIMAL + 'root_key = "zz"\n', 3, "root_key is 'zz'", "hex"),
    (MINIMAL + 'production = "yes"\n', 3, "production is a text", "true or false"),
    (MINIMAL + "prodution = false\n", 3, "networks.ic.prodution is not known", "Did you mean 'production'?"),
    (MINIMAL + "[canister.x]\n", 3, "canister is not known", "Did you mean 'canisters'?"),
    (MINIMAL + "canisters = 1\n", 3, "networks.ic.canisters is not known", ""),
    (MINIMAL + "[canisters]\nx = 1\n", 4, "canisters.x is a whole number", "[canisters.x]"),
    (MINIMAL + "[canisters.x]\n", 3, "canisters.x.id is missing", "ryjl3"),
    (MINIMAL + CANISTER.replace("cai", "caj"), 4, "canisters.rune-engine.id is", "canister id like"),
    (MINIMAL + CANISTER + 'criticality = "hihg"\n', 5, "criticality is 'hihg'", "Did you mean 'high'? Allowed: high"),
    (MINIMAL + CANISTER + CANISTER.replace("engine", "two"), 6, "canisters.rune-two.id is pkrpq", "once"),
    (MINIMAL + CANISTER + 'warning = "1X"\n', 5, "warning is '1X'", "1T"),
    (MINIMAL + CANISTER + "health_query = ''\n", 5, "health_query is empty", "health"),
    (MINIMAL + '[monitor]\ninterval = "0s"\n', 4, "monitor.interval is '0s'", "60s"),
    (MINIMAL + '[monitor]\ninterval = "-5s"\n', 4, "monitor.interval is '-5s'", "60s"),
    (MINIMAL + "[monitor]\ninterval = 60\n", 4, "monitor.interval is a whole number", "60s"),
    (MINIMAL + "[monitor]\nwarning = -1\n", 4, "monitor.warning is a whole number", "500B"),
    (MINIMAL + "[monitor]\nwarning = true\n", 4, "monitor.warning is a boolean", "500B"),
    (MINIMAL + "[monitor]\nconcurrency = 0\n", 4, "monitor.concurrency is 0", "from 1 to 200"),
    (MINIMAL + "[monitor]\nconcurrency = 1.5\n", 4, "monitor.concurrency is a number", "from 1 to 200"),
    (MINIMAL + "[identities.pol]\npem = 'x'\n", 3, "identities.pol is not known", "Did you mean 'poll'?"),
    (MINIMAL + "[identities]\npoll = 'x.pem'\n", 4, "identities.poll is a text", "[identities.poll]"),
    (MINIMAL + "[paths]\nroot = ''\n", 4, "paths.root is empty", "folder"),
    (MINIMAL + "x = [1,\n 2\n y = 3\n", 5, "not TOML", "syntax"),
]


@pytest.mark.parametrize(("text", "line", "what", "allowed"), FAULTS)
def test_faults_name_file_line_and_what_is_allowed(load: Loader, text: str, line: int, what: str, allowed: str) -> None:
    error = load.fault(text)
    assert error.what.startswith(f"{load.path}, line {line}: ")
    assert what in error.what
    assert allowed in error.next_step


@pytest.mark.parametrize(
    ("lines", "line", "field"),
    [
        ('critical = "1T"\nwarning = "100B"\n', 4, "critical"),
        ('warning = "100B"\n', 4, "warning"),
        ('\ncritical = "1T"\n', 5, "critical"),
        ('runway_critical = "30d"\nrunway_warning = "7d"\n', 4, "runway_critical"),
    ],
)
def test_thresholds_the_wrong_way_round_are_explained(load: Loader, lines: str, line: int, field: str) -> None:
    error = load.fault(MINIMAL + "[monitor]\n" + lines)
    assert error.what.startswith(f"{load.path}, line {line}: monitor.{field} leaves no room for a warning")
    assert "monitor-cycles.sh" in error.why
    assert "Write for example" in error.next_step


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_config(tmp_path)
    assert "permissions" in caught.value.next_step


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"[networks.ic]\nurl = '\xff'\n")
    with pytest.raises(ConfigError, match="line 2: the text is not UTF-8"):
        load_config(path)


def test_an_unfinished_file_is_reported(load: Loader) -> None:
    assert "not TOML" in load.fault("[networks.ic").what


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
durations = st.integers(1, 86_400).map(lambda seconds: f"{seconds}s")
balances = st.tuples(st.integers(0, 10**30), st.integers(1, 10**30)).map(lambda pair: (pair[0], sum(pair)))
canister_ids = st.binary(min_size=1, max_size=29).map(principal_text)


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = 1" + "0" * 10_000])
def test_what_toml_may_say_and_python_does_not_take_is_a_clear_error(load: Loader, text: str) -> None:
    assert "cannot be read" in load.fault(text).what


@given(
    canisters=st.dictionaries(
        names, st.tuples(canister_ids, st.sampled_from(["high", "medium", "low"]), balances), max_size=5
    ),
    interval=durations,
    production=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_whatever_is_valid_comes_back_as_written(
    tmp_path_factory: pytest.TempPathFactory,
    canisters: dict[str, tuple[str, str, tuple[int, int]]],
    interval: str,
    production: bool,
) -> None:
    if len({entry[0] for entry in canisters.values()}) < len(canisters):
        return
    path = tmp_path_factory.mktemp("config") / "config.toml"
    document = {
        "networks": {"local": {"url": "http://127.0.0.1:4943", "production": production}},
        "monitor": {"interval": interval},
        "canisters": {
            name: {"id": canister_id, "criticality": criticality, "critical": str(critical), "warning": f"{warning}"}
            for name, (canister_id, criticality, (critical, warning)) in canisters.items()
        },
    }
    path.write_text(tomli_w.dumps(document))
    config = load_config(path)
    assert config.networks[0].production == production
    assert config.monitor.interval_seconds == int(interval[:-1])
    assert [
        (c.name, (c.id, c.criticality, (c.thresholds.critical_cycles, c.thresholds.warning_cycles)))
        for c in config.canisters
    ] == list(canisters.items())


toml_values = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["networks", "identities", "canisters", "monitor", "repository", "paths", "alerts", "x"]),
        st.dictionaries(
            st.sampled_from(["ic", "poll", "interval", "warning", "critical", "path", "root", "concurrency"]),
            toml_values,
            max_size=3,
        ),
    )
)
@settings(max_examples=150, deadline=None)
def test_nothing_but_a_config_error_ever_comes_out(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    fault = None
    try:
        load_config(path)
    except ConfigError as error:
        fault = error
    # no document drawn here has a network with a url
    assert fault is not None
    assert str(path) in fault.what
    assert fault.next_step


@given(st.binary(max_size=29))
def test_every_principal_is_accepted_in_its_canonical_form_only(raw: bytes) -> None:
    text = principal_text(raw)
    assert principal_fault(text) is None
    assert principal_fault(text.upper()) == f"it is written {text}" or text.upper() == text
    assert principal_fault(text.replace("-", "")) is not None or "-" not in text


@given(st.binary(min_size=1, max_size=29), st.data())
def test_a_mistyped_principal_is_refused(raw: bytes, data: st.DataObject) -> None:
    text = principal_text(raw)
    at = data.draw(st.integers(0, len(text) - 1).filter(lambda index: text[index] != "-"))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567").filter(lambda other: other != text[at]))
    assert principal_fault(text[:at] + letter + text[at + 1 :]) is not None


@pytest.mark.parametrize("text", ["", "a", "not a principal", "é", "aaaaa-a1", "0" * 200, "aaaaa aa"])
def test_what_is_no_principal_is_refused(text: str) -> None:
    assert principal_fault(text) is not None


def test_the_management_canister_is_a_principal() -> None:
    assert principal_fault("aaaaa-aa") is None
