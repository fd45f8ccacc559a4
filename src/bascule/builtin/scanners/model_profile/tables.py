"""What the names mean: tasks, class names, families and pipelines. Data, and nothing else.

Sources: the hub's list of pipeline tags; the head classes and `model_type` names of the transformers library; the
pipeline classes of diffusers; the architecture names of GGUF; the configuration that CTranslate2 writes for Whisper.
"""

from __future__ import annotations

from collections.abc import Mapping


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Hub pipeline tag -> (modality of what it works on, does it generate?). None: the tag does not say.
TASKS: Mapping[str, tuple[str | None, bool | None]] = {
    "text-generation": ("text", True),
    "text2text-generation": ("text", True),
    "summarization": ("text", True),
    "translation": ("text", True),
    "fill-mask": ("text", False),
    "feature-extraction": (None, False),
    "question-answering": ("text", False),
    "sentence-similarity": ("text", False),
    "table-question-answering": ("text", None),
    "text-classification": ("text", False),
    "text-ranking": ("text", False),
    "token-classification": ("text", False),
    "zero-shot-classification": ("text", False),
    "text-to-image": ("image", True),
    "image-to-image": ("image", True),
    "unconditional-image-generation": ("image", True),
    "depth-estimation": ("image", False),
    "image-classification": ("image", False),
    "image-feature-extraction": ("image", False),
    "image-segmentation": ("image", False),
    "keypoint-detection": ("image", False),
    "mask-generation": ("image", False),
    "object-detection": ("image", False),
    "image-to-video": ("video", True),
    "text-to-video": ("video", True),
    "video-to-video": ("video", True),
    "video-classification": ("video", False),
    "audio-to-audio": ("audio", True),
    "text-to-audio": ("audio", True),
    "text-to-speech": ("audio", True),
    "automatic-speech-recognition": ("audio", None),  # Whisper writes, CTC labels frames
    "audio-classification": ("audio", False),
    "voice-activity-detection": ("audio", False),
    "any-to-any": ("multimodal", True),
    "audio-text-to-text": ("multimodal", True),
    "image-text-to-text": ("multimodal", True),
    "image-to-text": ("multimodal", True),
    "video-text-to-text": ("multimodal", True),
    "document-question-answering": ("multimodal", None),
    "visual-document-retrieval": ("multimodal", False),
    "visual-question-answering": ("multimodal", None),
    "zero-shot-image-classification": ("multimodal", False),
    "zero-shot-object-detection": ("multimodal", False),
    "tabular-classification": ("tabular", False),
    "tabular-regression": ("tabular", False),
    "time-series-forecasting": ("tabular", None),
    "graph-ml": (None, None),
    "reinforcement-learning": (None, None),
    "robotics": (None, None),
}

# What a class name ends in -> (task, modality, generates?); the first that fits.
HEADS: tuple[tuple[str, str, str, bool], ...] = (
    ("ForCausalLM", "text-generation", "text", True),
    ("LMHeadModel", "text-generation", "text", True),
    ("ForMaskedLM", "fill-mask", "text", False),
    ("ForSequenceClassification", "text-classification", "text", False),
    ("ForTokenClassification", "token-classification", "text", False),
    ("ForQuestionAnswering", "question-answering", "text", False),
    ("ForTextEncoding", "feature-extraction", "text", False),
    ("ForVoiceActivityDetection", "voice-activity-detection", "audio", False),
    ("ForZeroShotImageClassification", "zero-shot-image-classification", "multimodal", False),
    ("ForImageClassification", "image-classification", "image", False),
    ("ForImageClassificationWithTeacher", "image-classification", "image", False),
    ("ForZeroShotObjectDetection", "zero-shot-object-detection", "multimodal", False),
    ("ForObjectDetection", "object-detection", "image", False),
    ("ForSemanticSegmentation", "image-segmentation", "image", False),
    ("ForInstanceSegmentation", "image-segmentation", "image", False),
    ("ForUniversalSegmentation", "image-segmentation", "image", False),
    ("ForDepthEstimation", "depth-estimation", "image", False),
    ("ForVideoClassification", "video-classification", "video", False),
    ("ForVisualQuestionAnswering", "visual-question-answering", "multimodal", False),
    ("ForCTC", "automatic-speech-recognition", "audio", False),
    ("ForAudioClassification", "audio-classification", "audio", False),
    ("ForAudioFrameClassification", "audio-classification", "audio", False),
    ("ForXVector", "audio-classification", "audio", False),
    ("ForTextToSpeech", "text-to-speech", "audio", True),
    ("ForTextToWaveform", "text-to-speech", "audio", True),
    ("VisionEncoderDecoderModel", "image-to-text", "multimodal", True),
    ("SpeechEncoderDecoderModel", "automatic-speech-recognition", "audio", True),
)

# Conditional generation says what comes out, not what goes in: the model type does.
SPEECH_WRITERS = frozenset(["whisper", "speech_to_text", "moonshine", "granite_speech", "kyutai_speech_to_text"])
TEXT_WRITERS = frozenset(
    _names(
        """
bart mbart t5 mt5 umt5 longt5 switch_transformers pegasus pegasus_x led blenderbot marian m2m_100
nllb_moe prophetnet bigbird_pegasus plbart t5gemma
"""
    )
)
SOUND_WRITERS = frozenset(["musicgen", "musicgen_melody", "bark", "vits", "dia", "csm", "speecht5", "fastspeech2"])
IMAGE_TEXT_WRITERS = frozenset(
    _names(
        """
llava llava_next mllama paligemma idefics idefics2 idefics3 blip blip-2 instructblip kosmos-2
qwen2_vl qwen2_5_vl qwen3_vl gemma3 mistral3 internvl smolvlm florence2 fuyu chameleon aya_vision
llama4 phi3_v phi4_multimodal pix2struct git
"""
    )
)
CODE_WRITERS = frozenset(["codegen", "gpt_bigcode", "starcoder2"])

# A bare `…Model` of an encoder family yields features. model_type -> modality.
ENCODERS: Mapping[str, str] = {
    **dict.fromkeys(
        _names(
            """
albert bert big_bird camembert deberta deberta-v2 distilbert electra ernie esm fnet funnel ibert
layoutlm longformer luke megatron-bert mobilebert modernbert mpnet new nomic_bert nystromformer
rembert roberta roformer squeezebert xlm-roberta xlm-roberta-xl xmod
"""
        ),
        "text",
    ),
    **dict.fromkeys(
        _names(
            """
beit bit convnext convnextv2 data2vec-vision deit dinov2 dinov3_vit efficientnet hiera levit
mobilenet_v2 mobilevit regnet resnet swin swinv2 vit vit_mae vit_msn
"""
        ),
        "image",
    ),
    **dict.fromkeys(
        _names(
            """
audio-spectrogram-transformer data2vec-audio hubert mctct sew unispeech unispeech-sat wav2vec2
wav2vec2-bert wav2vec2-conformer wavlm
"""
        ),
        "audio",
    ),
    **dict.fromkeys(
        _names(
            """
align altclip chinese_clip clip clipseg groupvit siglip siglip2 flava clap
"""
        ),
        "multimodal",
    ),
}

# What a diffusers pipeline's name holds -> task; the first that fits.
PIPELINES: tuple[tuple[str, str], ...] = (
    ("ImageToVideo", "image-to-video"),
    ("StableVideoDiffusion", "image-to-video"),
    ("Video", "text-to-video"),
    ("AnimateDiff", "text-to-video"),
    ("AudioLDM", "text-to-audio"),
    ("MusicLDM", "text-to-audio"),
    ("StableAudio", "text-to-audio"),
    ("Img2Img", "image-to-image"),
    ("Inpaint", "image-to-image"),
    ("Upscale", "image-to-image"),
    ("InstructPix2Pix", "image-to-image"),
    ("DDPM", "unconditional-image-generation"),
    ("DDIM", "unconditional-image-generation"),
    ("ScoreSdeVe", "unconditional-image-generation"),
    ("StableDiffusion", "text-to-image"),
    ("StableCascade", "text-to-image"),
    ("Flux", "text-to-image"),
    ("PixArt", "text-to-image"),
    ("Kandinsky", "text-to-image"),
    ("LatentConsistency", "text-to-image"),
    ("HunyuanDiT", "text-to-image"),
    ("Sana", "text-to-image"),
    ("AuraFlow", "text-to-image"),
    ("Lumina", "text-to-image"),
    ("QwenImage", "text-to-image"),
    ("IFPipeline", "text-to-image"),
)

ADAPTER_TASKS: Mapping[str, str] = {
    "CAUSAL_LM": "text-generation",
    "SEQ_2_SEQ_LM": "text2text-generation",
    "SEQ_CLS": "text-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "FEATURE_EXTRACTION": "feature-extraction",
}

GGUF_WRITERS = frozenset(
    _names(
        """
arctic baichuan bloom chatglm codeshell cohere2 command-r dbrx deci deepseek deepseek2 exaone
exaone4 falcon falcon-h1 falcon3 gemma gemma2 gemma3 gemma3n glm4 gpt-oss gpt2 gptj gptneox granite
granitemoe grok hunyuan-moe internlm2 jais jamba kimi-linear llama llama4 mamba mamba2 minicpm
minicpm3 mpt nemotron olmo olmo2 olmoe openelm orion phi2 phi3 phimoe plamo qwen qwen2 qwen2moe
qwen3 qwen3moe refact rwkv6 rwkv7 smollm3 stablelm starcoder starcoder2 xverse
"""
    )
)
GGUF_ENCODERS = frozenset(
    _names(
        """
bert jina-bert-v2 jina-bert-v3 modern-bert neo-bert nomic-bert nomic-bert-moe t5encoder
"""
    )
)

WHISPER_KEYS = frozenset(["alignment_heads", "lang_ids"])
"""What only Whisper's CTranslate2 configuration holds; it names no architecture."""
