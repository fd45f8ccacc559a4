"""Under which headings and labels publishers write what a form asks for, and which sentences say it. Data alone.

Rules: a title's pattern is matched against a heading in lower case without punctuation, in the order given, so that the
plainest heading wins; a sentence is taken only from where such a sentence belongs; `need` must be in what is taken,
`unless` must not, and none counts below a heading that fits `not_under`.

Sources: the hub's templates of model and dataset cards; the cards of Llama, Gemma and sentence-transformers; Mitchell
et al. 2019, Model Cards for Model Reporting; Gebru et al. 2021, Datasheets for Datasets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Take(Enum):
    """How the words are taken: whole sentences, one short value, or sentences and else the first code."""

    SENTENCES = "sentences"
    PHRASE = "phrase"
    MEANS = "means"


@dataclass(frozen=True, slots=True)
class Field:
    """How one thing is found in a card.

    titles: patterns of headings and labels, the best first. says: patterns that a sentence must all hold, looked for in
    the sections whose headings fit `within` (in all when empty), where no title answers. columns: may the value stand
    under the heading of a wide table? any_readme: is it believed of a README that is no card? address: does the address
    of a link belong to the answer?
    """

    name: str
    titles: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    within: str = ""
    need: str = ""
    unless: str = ""
    not_under: str = ""
    take: Take = Take.SENTENCES
    columns: bool = False
    any_readme: bool = False
    address: bool = False


TRAINED_ON = r"\b((pre-?)?trained|(fine-?)?tuned) (\w{1,20} )?on\b"
"""before the words that say on what"""
# What the hub's template lists there is what the model was developed on.
_OF_TRAINING = r"\b(train\w*|environmental|emissions|compute infrastructure)\b"
_DATA = r"\b(data|datasets?|corpus|corpora|sources?|annotations?|pre ?processing|filtering|curation)\b"
_TRAINING_DATA = (
    r"^((pre|post|fine) ?)?(training|tuning)( and \w+)? (data|datasets?|corpus|corpora|sets?)\b(?! (size|summary))",
    r"^data ?sets?$|^data$|^data ?(sets?)? (overview|used|summary|description|information|details)$",
)
_SAYS_WHAT = r"[^\W\d_]+\W+[^\W\d_]+|https?://"
_YEAR = r"\b(19|20)\d\d\b"
_DIGIT = r"\d"
_TIME = r"\d[\d.,]{0,15}\s?k?\s?((gpu|tpu|cpu)[- ]?)?(seconds?|minutes?|hours?|days?|weeks?|months?|h|hrs?|min)\b"
_ENERGY = r"\d[\d.,]{0,15}\s?([kMGT]|kilo|mega|giga)?[- ]?(Wh|watt[- ]?hours?)\b"
ONE_USE = (
    r"\b(per|each|every) (token|image|frame|inference|forward|sample|second|query|request|sequence)\b|\binference\b"
)
"""before or behind a number that is no training's"""
_COUNTED = (
    r"\d[\d.,]{0,15}\s?(k|m|b|t|thousand|million|billion|trillion)?\+? ?(\w{1,20}[ -]){0,3}?"
    r"(tokens|words|sentences|pairs|examples|samples|documents|images|photos|pictures|hours|minutes|rows|recordings"
    r"|utterances|tuples|conversations|clips|videos|files|data ?points|tickets|records|instances|articles|pages"
    r"|instructions|prompts|annotations|speakers|observations|sequences)\b"
)

FIELDS: tuple[Field, ...] = (
    Field(
        "provider",
        (
            r"^(model )?provider$|^legal name\b|^publisher$",
            r"^(model )?develop(ed|ers?)( by)?$|^(model )?creators?$|^created by$",
            r"^organi[sz]ation$|^vendor$|^company$|^released by$",
            r"^(model )?authors?$|^shared by$|^maintained by$",
        ),
        take=Take.PHRASE,
    ),
    Field("model_name", (r"^model name$|^name of the model$", r"^name$|^model id$"), take=Take.PHRASE),
    Field(
        "release_date",
        (
            r"^(model |initial |first )?release date$|^date of release$|^released( on)?$"
            r"|^publication date$|^date released$",
        ),
        says=(r"\b(model|weights|we)\b.{0,60}\breleased (on|in) .{0,20}" + _YEAR,),
        need=_YEAR,
        take=Take.PHRASE,
    ),
    Field(
        "design",
        (
            r"^(model |network |neural )?architecture( and objective| overview| details)?$|^architecture\b",
            r"^model type$|^(model |network )(design|structure)$|^design specifications?$",
        ),
        says=(
            r"\b(cnn|gru|lstm|rnn|mlp|transformer|encoder|decoder|convolution\w*|layers?|attention heads?|parameters"
            r"|mixture[- ]of[- ]experts|diffusion|resnet|vit|mobilenet\w*|u-?net)\b",
        ),
        within=r"^$|^(model )?(description|details|overview|summary)$|^introduction$",
    ),
    Field(
        "intended_use",
        (
            r"^intended (uses?|usage|purpose|applications?)\b",
            r"^direct uses?\b",
            r"^(primary )?uses?( cases?)?$|^(primary )?intended\b|^primary uses?\b|^applications?$"
            r"|^purpose$|^uses and\b",
        ),
    ),
    Field(
        "out_of_scope",
        (
            r"\bout of scope\b|^misuses?\b|\bmalicious use|\b(prohibited|unsupported|excluded|inappropriate) uses?\b",
            r"^not (intended|suitable|for)\b|^unintended uses?\b",
        ),
    ),
    Field(
        "system_types",
        (
            r"^(types?|kinds?) of (ai )?systems?\b|^(intended|target) (ai )?systems?\b",
            r"^downstream uses?\b|^(system )?integration( into (ai )?systems?)?$",
        ),
    ),
    Field(
        "technical_means",
        (
            r"^how to (get started|use|run|load|integrate|deploy)\b|^get(ting)? started\b|^quick ?start\b"
            r"|^technical means\b",
            r"^usage\b(?! (polic|restrict|licen|term))|^(example|sample|basic) usage\b|^use (with|in|it)\b",
            r"^inference$|^deployment$|^installation$|^install$|^running (the|this) model\b",
        ),
        unless=r"\bretrain",
        take=Take.MEANS,
        any_readme=True,
    ),
    Field(
        "hardware",
        (
            r"^hardware (requirements?|needed|required|for inference)\b|^(system|minimum|memory|gpu) requirements?\b"
            r"|^(inference|required) hardware\b",
            r"^hardware$",
        ),
        not_under=_OF_TRAINING,
        unless=r"\btrain(ed|ing)\b",
    ),
    Field(
        "software",
        (
            r"^software requirements?$|^required software$|^framework versions?$|^requirements$"
            r"|^(software )?dependencies$",
            r"^software$|^frameworks?$|^spacy$",
        ),
        not_under=_OF_TRAINING,
        unless=r"\btrain(ed|ing)\b",
    ),
    Field(
        "training_process",
        (
            r"^((pre|post|fine) ?)?training (procedure|process|protocol|methods?|methodology|recipe|strategy|setup)\b",
            r"^(pre|post|fine) ?(training|tuning)$|^training( the model)?$|^training objective\b",
            r"^(training )?hyper ?parameters\b|^training (regime|details|configuration|parameters)$",
        ),
    ),
    Field(
        "rationale",
        (r"^(?!.*\b(curation|data)\b).*\brationale\b", r"^(key )?design (choices?|decisions?)\b|^(key )?assumptions\b"),
    ),
    Field(
        "data_scope",
        (
            r"^data ?(set)? (scope|characteristics|composition|coverage|distribution|mix(ture)?)\b|^composition$",
            *_TRAINING_DATA,
        ),
    ),
    Field(
        "data_obtained",
        (
            r"^(initial )?data (collection|acquisition|sourcing|gathering)\b|^(data )?collection process\b",
            r"^source data$|^data sources?$|^how (was|were|the) .*\b(collected|obtained)\b",
        ),
        says=(
            r"\b(collected|obtained|acquired|downloaded|crawled|gathered|scraped|sourced|recorded|compiled|drawn|taken"
            r"|concatenat(ed|ion)) (from|by|for|of|with|in|on|using)\b|\b(licensed from|(written|generated) by)\b",
        ),
        within=_DATA,
    ),
    Field(
        "data_points",
        (
            r"^(training )?(token|sample|example|image|data ?point)s? count$|^training tokens$"
            r"|^(total )?training examples$"
            r"|^number of (training )?(\w+ )?(tokens|samples|examples|images|hours|documents|pairs|data ?points)$"
            r"|^(training )?(data|data ?set|corpus|training set) size$"
            r"|^(size|number) of (the )?(training )?(data|data ?set)$",
        ),
        says=(_COUNTED,),
        within=_DATA,
        need=_DIGIT,
        columns=True,
    ),
    Field(
        "data_points",
        says=(
            TRAINED_ON
            + r".{0,60}?"
            + _COUNTED
            + r"|\b\d[\d,.]{0,15} training (recordings|examples|samples|images|texts)\b",
        ),
        unless=ONE_USE,
    ),
    Field(
        "data_scope",
        says=(TRAINED_ON, r"\b(data|data ?sets?|corpus|corpora|recordings|images|texts?|pairs|tokens)\b"),
        unless=r"\bunknown data ?set\b",
    ),
    Field(
        "data_curation",
        (
            r"^(data )?(curation|cleaning|filtering|deduplication|preparation)\b|^(data |training )?pre ?processing\b"
            r"|^data (processing|preparation|annotation)\b",
            r"^data collection and processing\b|^annotations?( process)?$",
        ),
        says=(
            r"\b(filter(ed|ing)|clean(ed|ing)|de-?duplicat(ed|ion|ing)|curat(ed|ion)|normali[sz](ed|ation)|annotat(ed|ion)"
            r"|removed|discarded|pre-?process(ed|ing)|decontaminat(ed|ion)|upsampled)\b",
        ),
        within=_DATA,
    ),
    Field(
        "data_unsuitable",
        (
            r"\b(personal and )?sensitive (information|data)\b|^(content|safety|toxicity|csam|pii) filtering\b"
            r"|^unsuitable\b|^data (safety|suitability)\b",
        ),
        says=(
            r"\b(csam|child sexual|personal(ly)? (data|info\w*|identif\w+)|pii|toxic\w*|hate\w*|nsfw|illegal"
            r"|harmful|unsafe|sensitive|copyrighted|malicious)\b",
            r"\b(filter(ed|s|ing)?|remov(ed|es|ing)|exclud(ed|es|ing)|redact\w*|scrub\w*|anonymi\w+|blocklist\w*"
            r"|discard(ed|ing))\b",
        ),
        within=_DATA + r"|\bsafety\b|\bethic|\bresponsib|\bprivacy\b",
    ),
    Field(
        "data_bias",
        (
            r"^bias (mitigation|evaluation|analysis|measures?|testing|detection|assessment)\b"
            r"|^discussion of biases$|^fairness\b|^data bias(es)?\b",
        ),
        says=(
            r"\bbias(es)?\b",
            r"\b(measured?|assess(ed|ing)?|evaluated?|mitigat\w+|balanced?|audit\w*|detect(ed|ion|ing)?|rebalanc\w+"
            r"|re-?weight\w+|analy[sz]ed)\b",
        ),
        within=_DATA + r"|\bbias|\bfairness\b|\bethic",
    ),
    Field(
        "training_time",
        (
            r"^hours used\b|^(total )?training (time|duration)\b|^time to train\b|^training period$",
            r"^speeds sizes times\b|^(total )?(gpu|tpu) hours( used)?$|^training time gpu hours$",
        ),
        says=(
            r"(\b(was|were|been|we|model) |^)((pre|fine)-?)?(trained|tuned)\b"
            r"|\btraining (took|takes|lasted|ran|time)\b",
            r"\b(for|took|takes|lasted|over|in) (about |around |roughly |approximately |~ ?)?"
            + _TIME
            + r"(?! (of|worth)\b)",
        ),
        need=_DIGIT,
        columns=True,
    ),
    Field(
        "compute_amount",
        (
            r"^(total )?(training )?compute( used| budget| amount)?$|^(total )?(training )?(flops?|flop count)$"
            r"|^amount of (compute|computation)\b|^training compute\b|^(total )?(gpu|tpu) hours( used)?$",
        ),
        says=(r"\b(gpu|tpu|accelerator)[- ]?(hours?|days?|years?)\b|\b\w{0,6}flops?\b", r"\btrain\w*|\bcomput\w+"),
        unless=ONE_USE,
        need=_DIGIT,
    ),
    Field(
        "compute_method",
        (r"^(compute|flops?|computation) (method|methodology|estimation|calculation|measurement|estimate)\b",),
        says=(
            r"\bflops?\b|\b(training |amount of |total )comput(e|ation)\b|\bgpu[- ]hours\b",
            r"\b(estimated?|calculated|computed (as|from|by|with)|derived|approximated|6 ?[·×*x]? ?n)\b",
        ),
        unless=ONE_USE,
    ),
    Field(
        "energy",
        (r"^(training )?energy( used?| consumed| consumption| usage)?( for training)?$|^total energy\b",),
        says=(r"\b(energy|consum\w+|electricity|power|train\w*)\b", _ENERGY),
        need=_ENERGY,
        unless=ONE_USE,
    ),
    Field(
        "energy_method",
        (r"^(energy|emissions?|carbon) (method|methodology|measurement|estimation|accounting)\b",),
        says=(
            r"\b(energy|emissions?|carbon|co2\w*|power)\b",
            r"\b(code ?carbon|calculator|carbontracker|metered|nvml|rapl|power usage effectiveness|pue|tdp"
            r"|(measured|estimated|calculated) (with|by|using|from|based))\b",
        ),
        unless=ONE_USE,
    ),
    Field(
        "inference_compute",
        (r"^inference (compute|flops?|cost|computation|energy)\b|^comput(e|ation) (at|for|per) inference\b",),
        says=(r"\d", r"\b(per (token|image|frame|inference|forward|sample|second)|inference)\b", r"\b\w{0,6}flops?\b"),
        need=_DIGIT,
        columns=True,
    ),
    Field(
        "inference_method",
        (r"^inference (benchmark|set ?up|measurement|method|methodology)\b",),
        says=(
            r"\b(inference|per (token|image|frame|inference|forward|sample|second))\b",
            r"\b\w{0,6}flops?\b|\b(measured|benchmark\w*|latency|throughput)\b",
            r"\b(gpu|cpu|tpu|processor|batch( size)?|context|sequence|prompt|resolution)\b",
            _DIGIT,
        ),
        unless=r"\btrain(ed|ing)\b",
    ),
    Field(
        "acceptable_use",
        (
            r"\bacceptable use\b|\busage? policy\b|\bterms of use\b",
            r"^prohibited uses?\b|^use restrictions?\b|^usage restrictions?\b|^restrictions? on use\b",
        ),
        says=(r"\b(acceptable use|usage?|prohibited use) policy\b",),
        need=_SAYS_WHAT,
        any_readme=True,
        address=True,
    ),
    Field(
        "channels",
        (
            r"^(distribution|release) channels?$|^distribution$|^availability$|^where to (get|download|find)\b",
            r"^(model |weights )?downloads?$|^(model )?repository$|^available (at|on|through|from)$",
        ),
        need=r"https?://|\b(hub|hugging ?face|github|download\w*|available|packages?|api|registry|cloud|apps?|site)\b",
        address=True,
    ),
    Field(
        "evaluation",
        (
            r"^(main |test |quantitative |evaluation |eval )?results?$|^evaluation results\b|^results\b",
            r"^(?!run|how|usage|using).*\b(evaluations?|benchmarks?)\b(?! (data|metrics|sets?|protocol|code))"
            r"|^(model )?performance\b|^accuracy$|^training results$",
            r"\bmetrics\b",
        ),
        need=r"(?<![^\W_])\d",  # a number, and not the one in `CIFAR10`
    ),
    Field(
        "limitations",
        (
            r"^(known )?limitations?\b|^risks? and limitations\b|^bias(es)? (risks? )?(and )?limitations?\b"
            r"|^known issues\b",
            r"^(?!intended).*\blimitations?\b|^caveats\b|^bias(es)?( and .*| risks.*)?$|^ethical considerations\b",
            r"^(?!intended).*\brisks?\b",
        ),
    ),
    Field(
        "safety",
        (
            r"^(\w+ )?safety( (and|measures?|evaluations?|testing|training|considerations?|mitigations?)\b.*)?$"
            r"|^(\w+ )?red team(ing)?( \w+)?$",
            r"\bresponsib(le|ility)\b|\bsafeguards?\b|\bharms?\b",
        ),
    ),
    Field(
        "contact",
        (
            r"^(model card )?contacts?( us| information| details)?$|^contact\b|^point of contact\b",
            r"\bsend questions or comments\b|^e ?mail$|^support$|^feedback$",
        ),
        take=Take.PHRASE,
        any_readme=True,
        address=True,
    ),
    Field(
        "disclosure_policy",
        (
            r"\b(responsible|coordinated|vulnerability) disclosure\b|\breport(ing)? .*\bvulnerabilit"
            r"|^vulnerabilit(y|ies) (report|polic|handl)|^security policy\b"
            r"|^security$|^reporting (a |an )?(security|vulnerabilit|issue|problem)",
        ),
        any_readme=True,
        address=True,
    ),
    Field(
        "copyright_policy",
        (
            r"^copyright (policy|compliance)\b|\brights reservations?\b|\bopt outs?\b"
            r"|\bcopyright (and|in) (the )?data\b",
        ),
        says=(
            r"\bcopyright\b.{0,80}\b(polic(y|ies)|compl(y|ies|iance)|opt[- ]?outs?|reserv\w+|take-?downs?|respect\w*)\b"
            r"|\brobots\.txt\b|\btext and data mining\b"
            r"|\bopt(ed)?[- ]?outs?\b.{0,60}\b(data|training|crawl\w*|owners?)\b",
        ),
        address=True,
    ),
    Field(
        "training_summary",
        (
            r"^(public )?(summary of (the )?)?training (data|content)( summary)?$(?<=summary)"
            r"|^(public )?summary of (the )?(content|data|training (content|data))\b",
        ),
        says=(
            r"\bsummary of (the )?(training (content|data)|(content|data) used for training)\b"
            r"|\btraining[- ](content|data) summary\b",
        ),
        address=True,
    ),
)
"""what is looked for in a model card or technical report, in the words of their authors"""
