"""Which keys and tokens are in a text?"""

# --8<-- [start:imports]
import re

# --8<-- [end:imports]

# --8<-- [start:forms]
# A prefix, and enough behind it. The length is
# fixed, so that nothing is tried twice.
WORD = "[0-9A-Za-z_-]"
FORMS = {
    "aws_key": (
        "A(?:KIA|SIA|ROA|IDA|GPA|IPA|NPA|NVA)"
        "[A-Z2-7]{16}(?![0-9A-Za-z])",
        "(?i:aws).{0,20}?(?i:secret|key).{0,20}?"
        "(?<![0-9A-Za-z/+])"
        "[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+])",
    ),
    "github_token": (
        "gh[pousr]_[0-9A-Za-z]{36}",
        "github_pat_[0-9A-Za-z_]{40}",
    ),
    "gitlab_token": (f"glpat-{WORD}{{20}}",),
    "openai_key": (f"sk-(?!ant-){WORD}{{20}}",),
    "anthropic_key": (f"sk-ant-{WORD}{{20}}",),
    "slack_token": (
        "xox[abeoprs]-[0-9A-Za-z-]{10}",
        "xapp-[0-9]-[0-9A-Za-z-]{10}",
        "hooks[.]slack[.]com/(?:services|workflows)/"
        "[0-9A-Za-z_/]{20}",
    ),
    "stripe_key": (
        "[rs]k_(?:live|test)_[0-9A-Za-z]{16}",
        "whsec_[0-9A-Za-z]{24}",
    ),
    "google_key": (
        f"AIza{WORD}{{35}}",
        f"GOCSPX-{WORD}{{20}}",
        f"ya29[.]{WORD}{{20}}",
    ),
    "hugging_face_token": ("hf_[A-Za-z]{30}",),
    "npm_token": ("npm_[0-9A-Za-z]{36}",),
    "pypi_token": (f"pypi-AgE{WORD}{{40}}",),
    "sendgrid_key": (
        f"SG[.]{WORD}{{22}}[.]{WORD}{{43}}",
    ),
    "private_key": (
        "-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY",
    ),
    "jwt": (f"(?<={WORD}{{8}})[.]eyJ{WORD}{{8}}",),
    "password": (
        "://[^\\s:/@]{1,64}:[^\\s/@]{1,64}@",
        "(?i:password|passwd|pwd|secret|token"
        "|api[_-]?key)[\"']?\\s{0,3}[:=]\\s{0,3}"
        "[\"']?(?=\\S{0,40}[0-9])(?=\\S{0,40}[A-Za-z])"
        "[^\\s\"']{8}",
    ),
}
COMPILED = {
    category: [re.compile(form) for form in forms]
    for category, forms in FORMS.items()
}
# --8<-- [end:forms]


# --8<-- [start:keys]
def keys(text: str) -> dict[str, int]:
    """Count keys and tokens by who made them."""
    return {
        category: sum(
            1
            for form in forms
            for _ in form.finditer(text)
        )
        for category, forms in COMPILED.items()
    }


# --8<-- [end:keys]
