"""Sources bring bytes and execute nothing; what goes wrong says what to do."""

from __future__ import annotations

import socket
import sys
import types
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.collect.intake import IntakeLimits, take_in
from bascule.kernel.errors import BasculeError, InputError, UpstreamError
from bascule.plugins.kinds import Fetched, Source, Workspace
from bascule.plugins.registry import discover
from bascule.plugins.testing import lint_meta
from bascule.records import ArtefactKind

SOURCES: dict[str, Source] = {loaded.id: loaded.plugin for loaded in discover("sources") if not loaded.error}


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


def fault(source: str, ref: str, space: Workspace) -> BasculeError:
    with pytest.raises(BasculeError) as caught:
        SOURCES[source].fetch(ref, space)
    assert caught.value.hint, "an error without a hint"
    return caught.value


def test_the_sources_are_found_and_described() -> None:
    assert set(SOURCES) == {"path", "pypi", "hub", "endpoint"}
    assert [fault for source in SOURCES.values() for fault in lint_meta(source.meta)] == []


@pytest.mark.parametrize(
    ("ref", "source"),
    [
        ("pypi:akiki", "pypi"),
        ("hf:org/name", "hub"),
        ("endpoint:https://api.example.org#m", "endpoint"),
        ("./model", "path"),
        ("model.zip", "path"),
        ("/abs/model", "path"),
        ("s3://bucket/key", None),
        ("oci:ref", None),
        ("gopher:x", None),
    ],
)
def test_a_reference_is_for_one_source_at_most(ref: str, source: str | None) -> None:
    assert [name for name, item in SOURCES.items() if item.accepts(ref)] == ([source] if source else [])


def test_a_path_that_exists_is_taken_though_it_looks_like_a_scheme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: Workspace
) -> None:
    (tmp_path / "s3:model").mkdir()
    monkeypatch.chdir(tmp_path)
    assert SOURCES["path"].accepts("s3:model")
    assert SOURCES["path"].fetch("s3:model", space).root == tmp_path / "s3:model"


@pytest.mark.parametrize("ref", ["", "nothing/here", "a\0b", "x" * 5000])
def test_a_path_that_is_not_there_is_an_error(ref: str, space: Workspace) -> None:
    assert fault("path", ref, space).code == "source.no-such-path"


def test_a_mistyped_path_is_answered_with_the_near_one(tmp_path: Path, space: Workspace) -> None:
    (tmp_path / "weights").mkdir()
    assert fault("path", str(tmp_path / "wieghts"), space).hint == "did you mean `weights`?"


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "OpenAI"),
        ("https://eu.api.openai.com/v1", "OpenAI"),
        ("https://api.anthropic.com", "Anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta", "Google"),
        ("https://europe-west4-aiplatform.googleapis.com/v1", "Google Vertex AI"),
        ("https://api.mistral.ai/v1", "Mistral AI"),
        ("https://api.githubcopilot.com", "GitHub Copilot"),
        ("https://api.business.githubcopilot.com", "GitHub Copilot"),
        ("https://www.midjourney.com", "Midjourney"),
        ("https://corp.openai.azure.com/openai", "Azure OpenAI"),
        ("https://bedrock-runtime.eu-central-1.amazonaws.com", "Amazon Bedrock"),
        ("https://api.ai71.ai/v1", "AI71"),
        ("http://localhost:8000/v1", "self-hosted"),
        ("http://127.0.0.1:8000/v1", "self-hosted"),
        ("http://[::1]:8000/v1", "self-hosted"),
        ("http://vllm.models.svc.cluster.local", "self-hosted"),
        ("http://10.1.2.3", "self-hosted"),
        ("https://llm.example.org", "unknown"),
        ("https://api.openai.com.example.org", "unknown"),
        ("https://notapi.openai.com.evil", "unknown"),
        ("https://evilmidjourney.com", "unknown"),
        ("https://bedrock-runtime.bucket.s3.amazonaws.com", "unknown"),
    ],
)
def test_whose_endpoint_it_is_follows_from_the_host(url: str, provider: str, space: Workspace) -> None:
    endpoint = SOURCES["endpoint"].fetch(f"endpoint:{url}#model", space).endpoint
    assert endpoint is not None
    assert endpoint.provider == provider


@pytest.mark.parametrize(
    "address",
    [
        "https://api.openai.com/v1",
        "https://API.OpenAI.com/v1/",
        "https://api.openai.com:443/v1",
        "https://api.openai.com./v1",
    ],
)
def test_one_endpoint_has_one_spelling(address: str, space: Workspace) -> None:
    endpoint = SOURCES["endpoint"].fetch(f"endpoint:{address}#gpt-5", space).endpoint
    assert endpoint is not None
    assert (endpoint.url, endpoint.model) == ("https://api.openai.com/v1", "gpt-5")


@pytest.mark.parametrize(
    "ref",
    [
        "endpoint:",
        "endpoint:#model",
        "endpoint:https://api.example.org",
        "endpoint:https://api.example.org#",
        "endpoint:https://api.example.org#  ",
        "endpoint:ftp://api.example.org#m",
        "endpoint:file:///etc/passwd#m",
        "endpoint:https://#m",
        "endpoint:https://h:99999#m",
        "endpoint:https://[::1#m",
        "endpoint:https://exa mple.org#m",
        "endpoint:https://example.org\n#m",
        "endpoint:https://example.org#m\x1b[31m",
        "endpoint:https://ex\u0430mple.org#m",
        "endpoint:https://example.org#" + "m" * 400,
    ],
)
def test_an_endpoint_that_cannot_be_meant_is_refused(ref: str, space: Workspace) -> None:
    assert fault("endpoint", ref, space).code == "source.bad-reference"


def test_a_credential_in_an_address_is_refused_and_not_repeated(space: Workspace) -> None:
    secret = "hunter" + "2"
    for address in (f"https://user:{secret}@api.example.org", f"https://api.example.org?key={secret}"):
        error = fault("endpoint", f"endpoint:{address}#m", space)
        assert secret not in error.message + error.hint


def test_all_faults_of_an_endpoint_are_told_at_once(space: Workspace) -> None:
    assert len(fault("endpoint", "endpoint:ftp://u:p@h?key=1#", space).message.splitlines()) == 5


def test_an_api_version_is_no_credential(space: Workspace) -> None:
    ref = "endpoint:https://x.openai.azure.com/openai?api-version=2026-01-01#gpt"
    endpoint = SOURCES["endpoint"].fetch(ref, space).endpoint
    assert endpoint is not None
    assert endpoint.url == "https://x.openai.azure.com/openai?api-version=2026-01-01"


@given(st.text(max_size=60))
def test_any_endpoint_is_taken_or_refused(tail: str) -> None:
    try:
        fetched = SOURCES["endpoint"].fetch("endpoint:" + tail, Workspace(Path("unused")))
    except InputError:
        return
    assert fetched.endpoint is not None


@pytest.mark.parametrize(
    "ref",
    [
        "pypi:",
        "pypi:--index-url=http://x",
        "pypi:-r",
        "pypi:a b",
        "pypi:a[extra]",
        "pypi:a>=1",
        "pypi:a==",
        "pypi:a==1 --pre",
        "pypi:a @ http://x",
        "pypi:../a",
        "pypi:a;os",
    ],
)
def test_nothing_in_a_package_reference_can_be_an_option_or_an_address(ref: str, space: Workspace) -> None:
    assert fault("pypi", ref, space).code == "source.bad-reference"
    assert list(space.folder.iterdir()) == []


def wheel(folder: Path, name: str, version: str) -> None:
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{name}/model.safetensors", b"x")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index in a folder, by the user's own pip configuration: no network."""
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nno-index = true\nfind-links = {tmp_path / 'index'}\n")
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_CONSTRAINT", "")
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def test_a_wheel_is_fetched_by_the_users_own_pip_and_taken_in(index: Path, space: Workspace) -> None:
    wheel(index, "amodel", "1.0")
    wheel(index, "amodel", "1.1")
    fetched = SOURCES["pypi"].fetch("pypi:amodel==1.0", space)
    assert fetched.root is not None
    assert fetched.root.name == "amodel-1.0-py3-none-any.whl"
    paths = {entry.path for entry in take_in(fetched, space, IntakeLimits()).entries}
    assert "amodel/model.safetensors" in paths


def test_a_source_distribution_is_never_built(index: Path, space: Workspace, tmp_path: Path) -> None:
    import io
    import tarfile

    mark = tmp_path / "ran"
    setup = f"open({str(mark)!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='amodel', version='1.0')\n"
    with tarfile.open(index / "amodel-1.0.tar.gz", "w:gz") as file:
        member = tarfile.TarInfo("amodel-1.0/setup.py")
        member.size = len(setup)
        file.addfile(member, io.BytesIO(setup.encode()))
    error = fault("pypi", "pypi:amodel", space)
    assert error.code == "source.not-found"
    assert "never built" in error.hint
    assert not mark.exists()


def test_a_package_that_is_not_there_is_answered_with_what_there_is(index: Path, space: Workspace) -> None:
    wheel(index, "amodel", "1.0")
    assert "it has 1.0" in fault("pypi", "pypi:amodel==2.0", space).message


def test_python_code_beside_the_call_is_not_run(index: Path, space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `pip.py` in the working folder or on PYTHONPATH is not the pip that is run."""
    wheel(index, "amodel", "1.0")
    trap = index.parent / "trap"
    trap.mkdir()
    (trap / "pip.py").write_text("raise SystemExit('the wrong pip')\n")
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PYTHONPATH", str(trap))
    assert SOURCES["pypi"].fetch("pypi:amodel", space).root is not None


def test_an_index_that_cannot_be_reached_is_offline_not_unknown(
    space: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    assert fault("pypi", "pypi:amodel", space).code == "source.offline"


def test_secrets_of_the_environment_do_not_reach_pip(tmp_path: Path) -> None:
    module = sys.modules[type(SOURCES["pypi"]).__module__]
    given_ = {
        "PATH": "/bin",
        "https_proxy": "p",
        "PIP_INDEX_URL": "i",
        "PYTHONPATH": "x",
        "API_KEY": "k",
        "LC_ALL": "C",
    }
    kept = module.clean_environment(given_, tmp_path)
    assert set(kept) == {"PATH", "https_proxy", "PIP_INDEX_URL", "LC_ALL", "TMPDIR"}


class RepositoryNotFoundError(Exception):
    """Stands for the hub client's exception of that name."""


class GatedRepoError(RepositoryNotFoundError):
    """The same; the client's is a subclass too."""


class OfflineModeIsEnabled(ConnectionError):
    """The same."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The hub's client replaced: the network's edge."""
    client = types.ModuleType("huggingface_hub")
    utils = types.ModuleType("huggingface_hub.utils")
    utils.disable_progress_bars = lambda: None  # type: ignore[attr-defined]
    client.utils = utils  # type: ignore[attr-defined]
    client.asked = []  # type: ignore[attr-defined]

    class HfApi:
        def model_info(self, repository: str, revision: str | None, files_metadata: bool) -> object:
            if repository in FAULTS:
                raise FAULTS[repository]
            return types.SimpleNamespace(sha="c0ffee", siblings=[types.SimpleNamespace(size=2)])

    def snapshot_download(repository: str, revision: str, local_dir: str) -> str:
        client.asked.append((repository, revision))  # type: ignore[attr-defined]
        (Path(local_dir) / "config.json").write_bytes(b"{}")
        (Path(local_dir) / ".cache" / "huggingface").mkdir(parents=True)
        (Path(local_dir) / ".cache" / "huggingface" / "x.lock").touch()
        return local_dir

    client.HfApi, client.snapshot_download = HfApi, snapshot_download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", utils)
    return client


FAULTS: dict[str, Exception] = {
    "org/gone": RepositoryNotFoundError("404"),
    "org/gated": GatedRepoError("403"),
    "org/offline": OfflineModeIsEnabled("offline"),
    "org/refused": ConnectionRefusedError("refused"),
    "org/odd": RuntimeError("odd\x1b[31m\nmore"),
}


def test_a_hub_repository_is_pinned_to_its_commit(hub: types.ModuleType, space: Workspace) -> None:
    fetched = SOURCES["hub"].fetch("hf:org/name@main", space)
    assert hub.asked == [("org/name", "c0ffee")]
    assert fetched.notes == ("commit c0ffee",)
    assert [entry.path for entry in take_in(fetched, space, IntakeLimits()).entries] == ["config.json"]


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        ("hf:org/gone", "source.not-found"),
        ("hf:org/gated", "source.gated"),
        ("hf:org/offline", "source.offline"),
        ("hf:org/refused", "source.offline"),
        ("hf:org/odd", "source.failed"),
    ],
)
def test_what_the_hub_refuses_says_why(hub: types.ModuleType, space: Workspace, ref: str, code: str) -> None:
    error = fault("hub", ref, space)
    assert isinstance(error, UpstreamError)
    assert error.code == code
    assert "\x1b" not in error.message


@pytest.mark.parametrize("ref", ["hf:", "hf:a/b/c", "hf:a b", "hf:--x y", "hf:org/name@", "hf:../x/y", "hf:../x"])
def test_a_hub_reference_that_names_nothing_is_refused(ref: str, space: Workspace) -> None:
    assert fault("hub", ref, space).code == "source.bad-reference"


def test_without_the_hub_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, space: Workspace) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    error = fault("hub", "hf:org/name", space)
    assert error.code == "source.missing-extra"
    assert "bascule[hub]" in error.hint


@pytest.mark.usefixtures("must_end")
@pytest.mark.registry
def test_a_real_package_is_fetched_and_taken_in(space: Workspace) -> None:
    told: list[str] = []
    noisy = Workspace(space.folder, lambda _done, _total, what: told.append(what))
    fetched: Fetched = SOURCES["pypi"].fetch("pypi:akiki==0.0.6", noisy)
    inventory = take_in(fetched, noisy, IntakeLimits())
    kinds = {entry.path: entry.kind for entry in inventory.entries}
    assert kinds["akiki/models/akiki-vad-native/model.safetensors"] is ArtefactKind.WEIGHTS
    assert kinds["akiki/models/MODEL_CARD.md"] is ArtefactKind.MODEL_CARD
    assert kinds["akiki-0.0.6.dist-info/licenses/LICENSE"] is ArtefactKind.LICENCE
    assert inventory.notes == ()
    assert {"fetching akiki==0.0.6"} < set(told)
