"""TensorFlow's operations by name: which exist, and what the dangerous ones do to whoever runs the graph.

`operations.txt` lists the names that TensorFlow 2.21 registers. They were taken from its generated wrappers; the names
are facts about an interface, and nothing else of TensorFlow is copied.
"""

from __future__ import annotations

import importlib.resources
import re

from bascule.records import Severity

KNOWN = frozenset(importlib.resources.files(__package__).joinpath("operations.txt").read_text("ascii").split())

_CRITICAL, _HIGH, _MEDIUM = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM
DANGEROUS: dict[str, tuple[Severity, str]] = {
    **dict.fromkeys(
        ("PyFunc", "PyFuncStateless", "EagerPyFunc"), (_CRITICAL, "calls a Python function of the process")
    ),
    "WriteFile": (_CRITICAL, "writes any file"),
    "ReadFile": (_HIGH, "reads any file"),
    **dict.fromkeys(
        ("MatchingFiles", "MatchingFilesDataset", "ExperimentalMatchingFilesDataset"), (_HIGH, "lists files")
    ),
    **dict.fromkeys(
        ("DatasetToTFRecord", "ExperimentalDatasetToTFRecord", "SaveDataset", "SaveDatasetV2", "DistributedSave"),
        (_HIGH, "writes a data set to a path"),
    ),
    **dict.fromkeys(("CreateSummaryFileWriter", "CreateSummaryDbWriter"), (_HIGH, "writes to a path")),
    **dict.fromkeys(("SqlDataset", "ExperimentalSqlDataset"), (_HIGH, "runs queries on a database")),
    **dict.fromkeys(
        ("RpcClient", "RpcServer", "RpcCall", "RpcServerStart", "DataServiceDataset", "DataServiceDatasetV2"),
        (_HIGH, "opens a connection"),
    ),
    **dict.fromkeys(("DataServiceDatasetV3", "DataServiceDatasetV4"), (_HIGH, "opens a connection")),
    "FileSystemSetConfiguration": (_HIGH, "changes how files are reached, credentials included"),
    "RemoteFusedGraphExecute": (_HIGH, "hands a packed graph to another executor"),
    **dict.fromkeys(("LMDBReader", "LMDBDataset", "ExperimentalLMDBDataset"), (_MEDIUM, "reads files")),
    **dict.fromkeys(("LoadDataset", "WholeFileReader", "WholeFileReaderV2"), (_MEDIUM, "reads files")),
}
"""Operation to what it does whatever its arguments are."""

BY_PATH = frozenset(
    [
        "Save",
        "SaveV2",
        "SaveSlices",
        "Restore",
        "RestoreV2",
        "RestoreSlice",
        "MergeV2Checkpoints",
        "LoadAndRemapMatrix",
        "InitializeTableFromTextFile",
        "InitializeTableFromTextFileV2",
        "TFRecordDataset",
        "TFRecordDatasetV2",
        "TextLineDataset",
        "FixedLengthRecordDataset",
        "FixedLengthRecordDatasetV2",
        "SnapshotDataset",
        "SnapshotDatasetV2",
    ]
)
"""Operations that reach a file: harmless in every SavedModel, where a path is fed in, and judged by a path that is
fixed in the graph."""

PUBLISHED = re.compile(
    r"(Addons|Text|TFText|Tftext|DF|SimpleML|Simple ?ML|KerasNLP|IO|TFQ|Ragged)[>A-Z]\w*|Sentencepiece\w*|Wordpiece\w*|"
    r"WhitespaceTokenize\w*|Regex(Split|Tokenize)\w*|CaseFoldUTF8|NormalizeUTF8\w*|TRTEngine\w*|DecodeJSON|SimpleML\w*|"
    r"(Get|Create)TRT\w*|Horovod\w*|Warp\w*|NcclAll\w*|Mps\w*|FastWordpiece\w*|UnicodeScript\w*|TFText\w*|"
    r"TrySentencepiece\w*|RougeL|ConstrainedSequence|SentenceFragments\w*"
)
"""Operations of extensions that many models use: TensorFlow Text, Addons, Decision Forests, TensorRT."""

TELLS = re.compile(
    r"shell_?(exec|cmd|command|run|code)|(run|exec|open|reverse|spawn)_?shell|popen|subprocess|backdoor|dlopen|syscall"
    r"|(run|exec|execute|spawn)_?(cmd|command|code|script|python|bash|process)|system_?(call|command|exec)|^system$"
    r"|load_?(op_?)?library|eval_?(code|python)|py_?(call|exec|eval)$",
    re.IGNORECASE,
)
"""A custom operation whose own name says that it runs something."""
