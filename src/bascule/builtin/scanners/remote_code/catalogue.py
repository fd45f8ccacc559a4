"""The calls worth a person's attention, by what they let a file do to whoever imports it.

Each family has two severities: for a call that runs when the module is imported, which loading a model does, and for
one that waits in a function. Honest modelling code downloads and loads weights in functions, so there both weigh
little.
"""

from __future__ import annotations

from dataclasses import dataclass

from bascule.records import Severity


@dataclass(frozen=True, slots=True)
class Family:
    """A capability, the severity on import and in a function (None: not worth telling), and what a person is told."""

    name: str
    on_import: Severity
    in_function: Severity | None
    does: str
    by_reference: bool = False
    """Does handing the function on (`map(os.system, …)`) count like calling it?"""


PROCESS = Family("process", Severity.HIGH, Severity.MEDIUM, "starts a process", by_reference=True)
CODE = Family("code", Severity.HIGH, Severity.MEDIUM, "runs code that it makes up", by_reference=True)
HIDDEN_CODE = Family("hidden code", Severity.CRITICAL, Severity.HIGH, "runs code that it unpacks or fetches")
IMPORT = Family("dynamic import", Severity.MEDIUM, None, "imports a module whose name is computed")
NATIVE = Family("native code", Severity.HIGH, Severity.MEDIUM, "loads native code")
COMPILED = Family("native code", Severity.MEDIUM, Severity.LOW, "compiles or loads an extension")
CONNECTION = Family("connection", Severity.HIGH, Severity.MEDIUM, "opens a connection of its own")
DOWNLOAD = Family("download", Severity.HIGH, Severity.LOW, "talks to the network")
UPLOAD = Family("upload", Severity.HIGH, Severity.HIGH, "sends files or environment variables away")
UNPICKLE = Family("deserialisation", Severity.HIGH, Severity.MEDIUM, "deserialises what can run code")
WEIGHTS = Family("deserialisation", Severity.HIGH, Severity.LOW, "loads weights in a form that can run code")
SENSITIVE = Family(
    "sensitive file", Severity.HIGH, Severity.HIGH, "touches a file that holds credentials or runs at login"
)
REMOVAL = Family("removal", Severity.MEDIUM, None, "removes files")
INTROSPECTION = Family("introspection", Severity.HIGH, Severity.MEDIUM, "reaches Python's internals")

_TABLE: tuple[tuple[Family, str], ...] = (
    (
        PROCESS,
        """
        os.system os.popen os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe
        os.spawnl os.spawnle os.spawnlp os.spawnv os.spawnve os.spawnvp os.posix_spawn os.posix_spawnp
        os.startfile posix.system nt.system subprocess.run subprocess.call subprocess.Popen
        subprocess.check_call subprocess.check_output subprocess.getoutput subprocess.getstatusoutput
        pty.spawn commands.getoutput popen2.popen2 asyncio.create_subprocess_exec
        asyncio.create_subprocess_shell pexpect.spawn sh.Command pip.main pip._internal.main
        pip._internal.cli.main.main _posixsubprocess.fork_exec
        """,
    ),
    (
        CODE,
        """
        builtins.exec builtins.eval code.interact code.InteractiveInterpreter runpy.run_path
        runpy.run_module types.FunctionType types.CodeType
        importlib.util.spec_from_file_location importlib.machinery.SourceFileLoader imp.load_source
        """,
    ),
    (
        NATIVE,
        """
        ctypes.CDLL ctypes.PyDLL ctypes.WinDLL ctypes.OleDLL ctypes.cdll.LoadLibrary
        ctypes.windll.LoadLibrary cffi.FFI.dlopen ctypes.pythonapi
        importlib.machinery.ExtensionFileLoader imp.load_dynamic
        """,
    ),
    (
        COMPILED,
        """
        torch.ops.load_library torch.classes.load_library torch.utils.cpp_extension.load
        torch.utils.cpp_extension.load_inline tensorflow.load_op_library tensorflow.load_library
        """,
    ),
    (
        CONNECTION,
        """
        socket.socket socket.create_connection socket.create_server socket.getaddrinfo socket.gethostbyname
        smtplib.SMTP smtplib.SMTP_SSL ftplib.FTP telnetlib.Telnet paramiko.SSHClient asyncio.open_connection
        http.server.HTTPServer socketserver.TCPServer xmlrpc.client.ServerProxy websocket.create_connection
        """,
    ),
    (
        DOWNLOAD,
        """
        urllib.request.urlopen urllib.request.urlretrieve urllib.request.Request urllib.urlopen
        urllib.urlretrieve urllib2.urlopen requests.get requests.post requests.put requests.patch
        requests.delete requests.head requests.request requests.Session httpx.get httpx.post httpx.put
        httpx.request httpx.Client httpx.AsyncClient aiohttp.ClientSession http.client.HTTPConnection
        http.client.HTTPSConnection urllib3.PoolManager urllib3.request wget.download gdown.download
        """,
    ),
    (
        UNPICKLE,
        """
        pickle.load pickle.loads pickle.Unpickler cPickle.load cPickle.loads _pickle.load _pickle.loads
        dill.load dill.loads cloudpickle.load cloudpickle.loads joblib.load marshal.load marshal.loads
        shelve.open jsonpickle.decode pandas.read_pickle sklearn.externals.joblib.load
        torch.package.PackageImporter yaml.unsafe_load yaml.unsafe_load_all

        """,
    ),
    (REMOVAL, "shutil.rmtree os.remove os.unlink os.rmdir os.removedirs"),
)

FAMILIES: dict[str, Family] = {name: family for family, names in _TABLE for name in names.split()}

_UNPACKERS = """
    builtins.chr base64.b64decode base64.urlsafe_b64decode base64.b32decode base64.b16decode base64.b85decode
    base64.a85decode base64.decodebytes binascii.unhexlify binascii.a2b_base64 binascii.a2b_hex codecs.decode
    zlib.decompress gzip.decompress bz2.decompress lzma.decompress marshal.loads builtins.bytes.fromhex
    builtins.bytearray.fromhex urllib.request.urlopen requests.get requests.post httpx.get
"""
UNPACKERS = frozenset(_UNPACKERS.split())

INTERNALS = frozenset({"__subclasses__", "__globals__", "__builtins__", "f_builtins"})

SENSITIVE_PATHS = (
    r"(?:^|/)\.ssh(?:/|$)|authorized_keys|\.aws/credentials|\.netrc|\.git-credentials|\.bashrc|\.bash_profile|\.zshrc"
    r"|\.profile$|/etc/(?:passwd|shadow|sudoers|cron)|\.kube/config|\.docker/config\.json|\.pypirc|\.npmrc"
    r"|sitecustomize\.py|huggingface/token|crontab|Login Data|Cookies$|wallet\.dat|/proc/self/(?:mem|environ)"
)

_LIBRARIES = """
    accelerate albumentations anomalib audiomentations bitsandbytes catboost clip collections datasets datetime
    diffusers einops espnet2 evaluate fairseq fairseq2 flax functools itertools jax keras lightgbm lightning
    lightning_fabric math monai nemo numpy omegaconf open_clip optax optuna pandas pathlib peft pytorch_lightning random
    safetensors scipy sentence_transformers setfit sklearn spacy speechbrain tensorflow thinc timm tokenizers torch
    torch_geometric torchaudio torchmetrics torchvision transformers trl ultralytics xgboost
"""
KNOWN_LIBRARIES = frozenset(_LIBRARIES.split())
"""What settings of a model commonly have their loader build; whatever the catalogue names is told all the same."""
