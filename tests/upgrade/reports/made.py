"""Reports put together by hand: one with something of each kind, and one that is hostile all over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from upgrade.eks import ClusterId
from upgrade.findings import CheckResult, Finding, Report, Severity, Verdict
from upgrade.versions import KubernetesVersion

TAKEN_AT: Final = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
V34, V35, V36 = (KubernetesVersion(1, minor) for minor in (34, 35, 36))
#: Names and texts that somebody may have chosen to break what shows them.
HOSTILE: Final = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!channel> <@U0ADA> <https://evil.example|here> &lt;b&gt;",
    "@everyone #1 [link](https://evil.example) ![x](https://evil.example/x.png) www.evil.example",
    "`code` *bold* _it_ ~no~ | cell | $x$ \\ # head\n\n- item",
    "]]> <!-- --> <![CDATA[ &amp; &#0;",
    "x" * 10_000,
    "\u202edrowssap\u202c \u2066isolated\u2069 \u200f\u200b\u2060 עברית العربية",
    "bell\x07 escape\x1b[31m nul\x00 del\x7f c1\x9b next\x85line sep\u2028para\u2029 bom\ufeff none\ufffe\uffff",
    "lone surrogate \ud800 and \udfff",
    "{{ template }} ${env} %s {0} %(name)s",
    " ",
)


def finding(code: str = "NET001", subject: str = "subnet-0a1", /, **values: Any) -> Finding:
    told: dict[str, Any] = {
        "summary": f"{subject} has 3 free addresses; EKS needs 5.",
        "remedy": "Free addresses or add a subnet.",
        "hop": V35,
    }
    return Finding(code=code, subject=subject, **(told | values))


def result(code: str, verdict: Verdict, *findings: Finding, hop: KubernetesVersion = V35, **values: Any) -> CheckResult:
    told: dict[str, Any] = {
        "title": f"All is well with {code}",
        "rules": ("A-07",),
        "source": "Amazon EKS User Guide: View Amazon EKS networking requirements for VPC and subnets",
    }
    return CheckResult(code=code, hop=hop, verdict=verdict, findings=findings, **(told | values))


def report(*results: CheckResult, name: str = "prod-eu") -> Report:
    cluster = ClusterId(account="111122223333", region="eu-central-1", name=name)
    return Report(cluster=cluster, from_version=V34, target=V36, taken_at=TAKEN_AT, results=results)


BLOCKER: Final = finding()
WARNING: Final = finding("WRK001", "shop/Deployment/web", severity=Severity.WARNS, evidence={"owner": "team shop"})
NOTE: Final = finding("SUP003", "1.36", severity=Severity.INFORMS)
UNSEEN: Final = finding("INS001", "prod-eu", unknown=True, permission="eks:ListInsights", summary="Not read.")
#: Somebody chose not to look.
CHOSEN: Final = finding("HLM001", "prod-eu", unknown=True, severity=Severity.INFORMS, summary="Not looked at.")


def judged(one: Finding, *, hop: KubernetesVersion = V35) -> CheckResult:
    verdict = Verdict.UNKNOWN if one.unknown else Verdict.FAILED
    if one.severity is Severity.INFORMS and not one.unknown:
        verdict = Verdict.PASSED
    return result(one.code, verdict, one.model_copy(update={"hop": hop}), hop=hop)


EVERYTHING: Final = report(
    result("CLS001", Verdict.PASSED),
    judged(BLOCKER),
    judged(WARNING),
    judged(NOTE),
    judged(UNSEEN),
    judged(CHOSEN),
    result("FAR001", Verdict.NOT_APPLICABLE),
    result("CLS001", Verdict.PASSED, hop=V36),
    judged(BLOCKER, hop=V36),
    judged(finding("ADD001", "vpc-cni", stops=("add-ons",), waivable=True), hop=V36),
)
READY: Final = report(result("CLS001", Verdict.PASSED))


def hostile(text: str) -> Report:
    """Everything that comes from outside says this."""
    evil: dict[str, Any] = {"subject": text, "summary": text, "remedy": text, "evidence": {"owner": text, text: text}}
    unseen = Finding(code="INS001", unknown=True, permission=text, hop=V35, **evil)
    reasons = Finding(code="DRN001", unknown=True, hop=V35, **evil)
    warning = Finding(code="WRK001", severity=Severity.WARNS, hop=V35, **evil)
    note = Finding(code="SUP003", severity=Severity.INFORMS, hop=V35, **evil)
    # A title and a source are our own, but a report is also read from a file that somebody else wrote.
    odd: dict[str, Any] = {"title": text, "source": text, "rules": (text,)}
    return report(
        result("NET001", Verdict.FAILED, Finding(code="NET001", hop=V35, **evil), **odd),
        result("INS001", Verdict.UNKNOWN, unseen, **odd),
        result("DRN001", Verdict.UNKNOWN, reasons, **odd),
        result("WRK001", Verdict.FAILED, warning, **odd),
        result("SUP003", Verdict.PASSED, note, **odd),
        name=text,
    )
