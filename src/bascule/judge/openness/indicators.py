"""The indicators of the Foundation Model Transparency Index, December 2025, each with what it asks in our own words.

Names and their order are the index's; 100 indicators in 19 subdomains of three domains (34 upstream, 30 model, 36
downstream). Source: Stanford CRFM, stanford-crfm/fmti, `Dec2025/Dec2025_indicators.csv` at e90f521e (CC BY 4.0).
"""

from __future__ import annotations

from collections.abc import Mapping

INDEX = "Foundation Model Transparency Index, December 2025"
SOURCE = "https://github.com/stanford-crfm/fmti, Dec2025/Dec2025_indicators.csv at e90f521e (CC BY 4.0)"

_Subdomains = Mapping[str, Mapping[str, str]]

_UPSTREAM: _Subdomains = {
    "Data Acquisition": {
        "Data acquisition methods": "how was the data got: public sets, crawling, use, licences, people, models?",
        "Public datasets": "which five public sources gave most?",
        "Crawling": "what is the crawler called, and how does one opt out?",
        "Usage data used in training": "which five of the developer's services gave most usage data?",
        "Notice of usage data used in training": "how are users told that their data trains the model?",
        "Licensed data sources": "from which five parties was most data licensed?",
        "Licensed data compensation": "what were they paid, or what forbids saying so?",
        "New human-generated data sources": "who made most of the data that people were asked to make?",
        "Instructions for data generation": "what were those people told to do?",
        "Data laborer practices": "what are they paid, where are they, and what protects them?",
        "Synthetic data sources": "which five models or programs made most synthetic data?",
        "Synthetic data purpose": "what was it made for?",
    },
    "Data Processing": {
        "Data processing methods": "which steps turned what was acquired into what was trained on?",
        "Data processing purpose": "what is each step for?",
        "Data processing techniques": "how is each step done?",
    },
    "Data Properties": {
        "Data size": "how much data of each modality was trained on?",
        "Data language composition": "what share has each language, and how was it told?",
        "Data domain composition": "what share has each domain?",
        "External data access": "which independent party has direct access to the data?",
        "Data replicability": "could somebody else gather the same data: what is public, what can be had, and where?",
    },
    "Compute": {
        "Compute usage for final training run": "how many operations did the final run take, measured how?",
        "Compute usage including R&D": "how many with the experiments before it?",
        "Development duration for final training run": "how long did it take, in days and in hours of hardware?",
        "Compute hardware for final training run": "on how many machines of which type?",
        "Compute provider": "whose machines were they?",
        "Energy usage for final training run": "how much energy did it take?",
        "Carbon emissions for final training run": "how much carbon did it emit?",
        "Water usage for final training run": "how much clean water did it use?",
        "Internal compute allocation": "how was compute shared among the teams?",
    },
    "Methods": {
        "Model stages": "which stages of training were there?",
        "Model objectives": "what was each stage to achieve?",
        "Code access": "is there code with which others can train and run it?",
    },
    "Other resources": {
        "Organization chart": "how are the people who build it organised, and how many are they?",
        "Model cost": "what did building it cost?",
    },
}

_MODEL: _Subdomains = {
    "Model information": {
        "Basic model properties": "what goes in and out, how large is it, of which parts and architecture?",
        "Deeper model properties": "is the architecture described so that others could build it?",
        "Model dependencies": "from which models does it derive, and how?",
        "Benchmarked inference": "how long and how much compute does a stated task take on stated hardware?",
    },
    "Model access": {
        "Researcher credits": "how do outsiders get free use of the interface?",
        "Specialized access": "who gets deeper, earlier or cheaper access?",
        "Open weights": "can anybody have the weights for nothing?",
        "Agent Protocols": "which agent protocols does it speak?",
    },
    "Capabilities": {
        "Capabilities taxonomy": "which abilities was it tuned for?",
        "Capabilities evaluation": "how well does it do at each, measured before release?",
        "External reproducibility of capabilities evaluation": "are the code and prompts of those tests to be had?",
        "Train-test overlap": "how much of the tests was in the training data?",
    },
    "Risks": {
        "Risks taxonomy": "which risks were considered?",
        "Risks evaluation": "how large is each, measured before release?",
        "External reproducibility of risks evaluation": "are the code and prompts of those tests to be had?",
        "Pre-deployment risk evaluation": "which independent parties tested it before release, on which terms?",
        "External risk evaluation": "how many parties of which sort are paid to test its risks?",
    },
    "Model Mitigations": {
        "Mitigations taxonomy": "what was done in training to lessen the risks?",
        "Mitigations taxonomy mapped to risk taxonomy": "which measure is meant for which risk?",
        "Mitigations efficacy": "how large were the risks before and after?",
        "External reproducibility of mitigations evaluation": "are the code and prompts of that comparison to be had?",
        "Model theft prevention measures": "what keeps the weights from being copied?",
    },
    "Release": {
        "Release stages": "in which steps was it released?",
        "Risk thresholds": "from which risk on would it not be released?",
        "Versioning protocol": "how are versions named, changed and withdrawn?",
        "Change log": "what changed in each version?",
        "Foundation model roadmap": "what is planned next?",
        "Top distribution channels": "through which five channels is it mostly had?",
        "Quantization": "at which precision is it served there?",
        "Terms of use": "under which licence or terms?",
    },
}

_DOWNSTREAM: _Subdomains = {
    "Usage data": {
        "Distribution channels with usage data": "from which channels does the developer learn how it is used?",
        "Amount of usage": "how many queries a month through each?",
        "Classification of usage data": "is there a data set of what it is asked for, by category?",
        "Data retention and deletion policy": "how long is data kept, and how is it deleted?",
        "Geographic statistics": "how much is it used in each country?",
    },
    "Impact": {
        "Internal products and services": "which five of the developer's products use it most?",
        "External products and services": "which five of other parties?",
        "Users of internal products and services": "how many people use each a month?",
        "Consumer/enterprise usage": "what share is consumers, what share enterprises?",
        "Enterprise users": "which five enterprises use it most?",
        "Government use": "which are the five largest contracts with governments?",
        "Benefits Assessment": "has its benefit been measured?",
    },
    "Post-deployment monitoring": {
        "AI bug bounty": "is there a reward for flaws found, and for which?",
        "Responsible disclosure policy": "how does an outsider report a flaw, and what happens then?",
        "Safe harbor": "are researchers in good faith safe from legal action?",
        "Security incident reporting protocol": "how are attacks on it reported and published?",
        "Misuse incident reporting protocol": "how is misuse of it reported and published?",
        "Post-deployment coordination with government": "which public bodies test it after release?",
        "Feedback mechanisms": "how do users give feedback, and what do they say?",
    },
    "Model Behavior Policy": {
        "Permitted, restricted, and prohibited model behaviors": "what may it do, and what not?",
        "Model response characteristics": "what are its answers meant to be like?",
        "System prompt": "what is the default system prompt, word for word?",
        "Intermediate tokens": "do users see its intermediate reasoning, and if not, why?",
    },
    "Downstream mitigations": {
        "Internal product and service mitigations": "what guards the developer's own products against attacks?",
        "External developer mitigations": "what guards are offered to those who build on it?",
        "Enterprise mitigations": "what more is there for enterprises?",
        "Detection of machine-generated content": "how can its output be told from people's?",
        "Documentation for responsible use": "is there guidance for using it responsibly?",
    },
    "Acceptable use policy": {
        "Permitted and prohibited users": "who may use it, and who not?",
        "Permitted, restricted, and prohibited uses": "what may it be used for, and what not?",
        "AUP enforcement process": "how are breaches found and answered?",
        "AUP enforcement frequency": "how many were there, and what was done?",
        "Regional policy variations": "where do the rules differ by region?",
    },
    "Accountability": {
        "Oversight mechanism": "which body reviews it before it goes out?",
        "Whistleblower protection": "how are those who report a concern protected?",
        "Government commitments": "what has been promised to governments?",
    },
}

INDICATORS: Mapping[str, _Subdomains] = {"upstream": _UPSTREAM, "model": _MODEL, "downstream": _DOWNSTREAM}
"""domain → subdomain → indicator → what it asks."""
