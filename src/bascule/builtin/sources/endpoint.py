"""`endpoint:URL#model`: a closed model, known by its address and model id. No network call is made here.

Rules: what is written down goes into signed evidence, so an address that carries a credential is refused, and not
repeated; whose model it is follows from the host alone, and a host that is not in the table is `unknown`.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.plugins.kinds import EndpointRef, Fetched, Workspace
from bascule.plugins.meta import Meta

PREFIX = "endpoint:"
SELF_HOSTED, UNKNOWN = "self-hosted", "unknown"

# Host pattern → provider; `*.` in front is any host below, any other `*` a part without a dot.
# Source: each provider's own API reference, as of November 2026.
PROVIDERS: tuple[tuple[str, str], ...] = (
    ("api.openai.com", "OpenAI"),
    ("*.api.openai.com", "OpenAI"),
    ("chatgpt.com", "OpenAI"),
    ("api.anthropic.com", "Anthropic"),
    ("claude.ai", "Anthropic"),
    ("generativelanguage.googleapis.com", "Google"),
    ("gemini.google.com", "Google"),
    ("aiplatform.googleapis.com", "Google Vertex AI"),
    ("*-aiplatform.googleapis.com", "Google Vertex AI"),
    ("api.mistral.ai", "Mistral AI"),
    ("codestral.mistral.ai", "Mistral AI"),
    ("api.githubcopilot.com", "GitHub Copilot"),
    ("api.*.githubcopilot.com", "GitHub Copilot"),
    ("copilot-proxy.githubusercontent.com", "GitHub Copilot"),
    ("models.github.ai", "GitHub Models"),
    ("models.inference.ai.azure.com", "GitHub Models"),
    ("midjourney.com", "Midjourney"),
    ("*.midjourney.com", "Midjourney"),
    ("*.openai.azure.com", "Azure OpenAI"),
    ("*.cognitiveservices.azure.com", "Azure OpenAI"),
    ("*.services.ai.azure.com", "Azure AI Foundry"),
    ("bedrock-runtime.*.amazonaws.com", "Amazon Bedrock"),
    ("bedrock-runtime-fips.*.amazonaws.com", "Amazon Bedrock"),
    ("runtime.sagemaker.*.amazonaws.com", "Amazon SageMaker"),
    ("api.cohere.com", "Cohere"),
    ("api.cohere.ai", "Cohere"),
    ("api.x.ai", "xAI"),
    ("api.deepseek.com", "DeepSeek"),
    ("api.ai71.ai", "AI71"),
    ("api.ai21.com", "AI21 Labs"),
    ("api.aleph-alpha.com", "Aleph Alpha"),
    ("api.moonshot.cn", "Moonshot AI"),
    ("api.moonshot.ai", "Moonshot AI"),
    ("dashscope.aliyuncs.com", "Alibaba Cloud"),
    ("dashscope-intl.aliyuncs.com", "Alibaba Cloud"),
    ("open.bigmodel.cn", "Zhipu AI"),
    ("api.z.ai", "Zhipu AI"),
    ("api.minimax.io", "MiniMax"),
    ("qianfan.baidubce.com", "Baidu"),
    ("api.stability.ai", "Stability AI"),
    ("api.bfl.ai", "Black Forest Labs"),
    ("api.elevenlabs.io", "ElevenLabs"),
    ("api.deepgram.com", "Deepgram"),
    ("api.assemblyai.com", "AssemblyAI"),
    ("api.perplexity.ai", "Perplexity"),
    ("api.groq.com", "Groq"),
    ("api.cerebras.ai", "Cerebras"),
    ("api.together.xyz", "Together AI"),
    ("api.together.ai", "Together AI"),
    ("api.fireworks.ai", "Fireworks AI"),
    ("api.replicate.com", "Replicate"),
    ("openrouter.ai", "OpenRouter"),
    ("integrate.api.nvidia.com", "NVIDIA"),
    ("router.huggingface.co", "Hugging Face"),
    ("api-inference.huggingface.co", "Hugging Face"),
    ("*.endpoints.huggingface.cloud", "Hugging Face"),
    ("*.ml.cloud.ibm.com", "IBM watsonx"),
    ("api.cloudflare.com", "Cloudflare"),
    ("*.cloud.databricks.com", "Databricks"),
    ("*.azuredatabricks.net", "Databricks"),
)
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".test", ".svc", ".cluster.local")
# Parts of an address that are not a credential, and that some providers need.
_PLAIN_QUERY = {"api-version", "version", "alt", "beta", "region", "location", "deployment"}


class EndpointSource:
    """Takes `endpoint:…`."""

    meta = Meta(id="endpoint", title="A closed model behind an address: `endpoint:https://api.example.com/v1#model`")

    def accepts(self, ref: str) -> bool:
        return ref.startswith(PREFIX)

    def fetch(self, ref: str, workspace: Workspace) -> Fetched:  # noqa: ARG002 - there is nothing to bring
        """Raises InputError `source.bad-reference` with every fault; a credential in the address is not repeated."""
        address, _, model = ref.removeprefix(PREFIX).partition("#")
        faults = []
        parts = _split(address)
        if parts is None:
            faults.append("the address is not a URL")
        else:
            faults += _faults(parts)
        if not model.strip():
            faults.append("the model id after `#` is missing")
        if model != visible(model, 300) or model != model.strip():
            faults.append(
                "the model id is longer than 300 characters, or holds spaces or control characters at its ends"
            )
        if faults or parts is None or parts.hostname is None:
            raise InputError.from_faults(
                "source.bad-reference",
                "this endpoint cannot be taken in",
                faults,
                "write `endpoint:https://host/path#model-id`; keys belong in the environment, never in the address",
            )
        host = parts.hostname.rstrip(".")
        return Fetched(
            ref=ref,
            endpoint=EndpointRef(url=_plain_url(parts, host), model=model, provider=provider_of(host)),
        )


def provider_of(host: str) -> str:
    """Whose endpoint a host is, as far as its name tells."""
    host = host.lower().rstrip(".")
    for pattern, provider in PROVIDERS:
        if re.fullmatch(_host_pattern(pattern), host):
            return provider
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return SELF_HOSTED if "." not in host or host.endswith(_PRIVATE_SUFFIXES) else UNKNOWN
    return SELF_HOSTED if address.is_private or address.is_loopback or address.is_link_local else UNKNOWN


def _host_pattern(pattern: str) -> str:
    below, bare = (r"[^/]+\.", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    return below + re.escape(bare).replace(r"\*", r"[^.]+")


def _split(address: str) -> SplitResult | None:
    # urlsplit drops line breaks and tabs quietly; what is signed must be what was written.
    if not address.isprintable() or " " in address or "\\" in address:
        return None
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _faults(parts: SplitResult) -> list[str]:
    faults = []
    if parts.scheme not in ("http", "https"):
        faults.append("the address must begin with `https://` or `http://`")
    if not parts.hostname:
        faults.append("the address names no host")
    elif not re.fullmatch(r"[a-z0-9._:%-]+", parts.hostname):
        faults.append("the host's name is not plain letters, digits, dots and hyphens")
    if parts.username is not None or parts.password is not None:
        faults.append("the address carries a user name or password")
    keys = [pair.partition("=")[0] for pair in parts.query.split("&") if pair]
    if any(key.lower() not in _PLAIN_QUERY for key in keys):
        faults.append("the address carries a query, which could hold a key")
    return faults


def _plain_url(parts: SplitResult, host: str) -> str:
    """The address in one spelling, so that one endpoint has one digest."""
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{shown}{port}{parts.path.rstrip('/')}{query}"


plugin = EndpointSource()
