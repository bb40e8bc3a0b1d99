"""Manifests as they come: what is found in them, what is not, and what is told as not read."""

from __future__ import annotations

import base64
import gzip
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from upgrade.removals.documents import DocumentReader, Reading, Use
from upgrade.removals.naming import ResourceRule, gone
from upgrade.removals.rules import builtin_rules, own_rules
from upgrade.versions import KubernetesVersion

RULES = builtin_rules()
READER = DocumentReader(RULES)
PARSER = DocumentReader(RULES, every=True)
BUDGET = "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\n"
BLOCKS = BUDGET.replace("{name: web, namespace: shop}", "\n  name: web\n  namespace: shop")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OBJECT = {
    "apiVersion": "policy/v1beta1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "web", "namespace": "shop"},
}


def read(text: str | bytes) -> Reading:
    return READER.read(text.encode() if isinstance(text, str) else text)


def told(reading: Reading) -> list[tuple[str, str, int]]:
    return [(use.rule.api, f"{use.namespace}/{use.name}", use.line) for use in reading.uses]


def in_list(*items: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def manifest_that_names(
    kind: str, name: str, groups: list[str], versions: list[str], resources: list[str]
) -> dict[str, object]:
    rule = {"apiGroups": groups, "resources": resources}
    if "Role" in kind:
        return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "rules": [rule]}
    hooks = [{"name": "a.example.com", "rules": [rule | {"apiVersions": versions}]}]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": hooks,
    }


def indented(text: str, by: int) -> str:
    return "".join(" " * by + line for line in text.splitlines(keepends=True))


WHOLE: dict[str, tuple[str | bytes, int]] = {
    "a manifest": (BUDGET, 1),
    "the second document": (f"a: b\n---\n{BUDGET}", 3),
    "behind a certificate in a string": (f"cert: |\n  -----BEGIN\n  x\n---\n{BUDGET}", 5),
    "in lines of Windows": (f"a: b\n---\n{BUDGET}".replace("\n", "\r\n"), 3),
    "in a document on the line of its marker": (
        "--- {apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: web, namespace: shop}}\n",
        1,
    ),
    "in UTF-16": (BUDGET.encode("utf-16"), 1),
    "behind a byte order mark": (b"\xef\xbb\xbf" + BUDGET.encode(), 1),
    "under explicit keys": (BUDGET.replace("apiVersion:", "? apiVersion\n:"), 1),
    "with escapes in key and value": (
        '"api\\u0056ersion": "policy/v1\\x62eta1"\nkind: PodDisruptionBudget\nmetadata: {name: web, namespace: shop}\n',
        1,
    ),
    "by an alias": (f"x: &v policy/v1beta1\n{BUDGET.replace('policy/v1beta1', '*v')}", 1),
    "by a merge": (f"x: &b {{apiVersion: policy/v1beta1}}\n<<: *b\n{BUDGET.partition(chr(10))[2]}", 1),
    "in block scalars": (BUDGET.replace("policy", ">-\n  policy"), 2),
    "with a tag of somebody's": (f"{BUDGET}spec: !vault secret\n", 1),
    "with a value that is no date": (f"{BUDGET}spec: 2024-13-45\n", 1),
    "in JSON": (json.dumps(OBJECT, indent=1), 2),
    "in JSON with escapes": (json.dumps(OBJECT).replace("/", "\\/"), 1),
    "in an array of JSON": (json.dumps([{"a": 1}, OBJECT]), 1),
    "one value a line": (f'{{"apiVersion": "v1", "kind": "Pod"}}\n{json.dumps(OBJECT)}\n', 2),
    "values in a row": (f"{json.dumps({'a': 1}, indent=1)}\n{json.dumps(OBJECT, indent=1)}", 5),
    "in a List": (json.dumps(in_list(OBJECT)), 1),
    "in a List of Lists": (yaml.safe_dump(in_list(in_list(in_list(OBJECT)))), 7),
    "in a typed list": (
        json.dumps(
            {
                "apiVersion": "policy/v1beta1",
                "kind": "PodDisruptionBudgetList",
                "items": [{"metadata": OBJECT["metadata"]}],
            }
        ),
        1,
    ),
    "in a ConfigMap": (f"apiVersion: v1\nkind: ConfigMap\ndata:\n  a.yaml: |\n{indented(BUDGET, 4)}", 5),
    "in JSON in a string in YAML": (yaml.safe_dump({"spec": {"manifest": json.dumps(OBJECT)}}), 2),
    "as a value of a Helm release": (yaml.safe_dump({"kind": "HelmRelease", "spec": {"extraObjects": [OBJECT]}}), 4),
    "in a document that is broken behind it": (f"{BLOCKS}spec: [\n", 1),
    "in a template": (f"{BLOCKS}spec:\n  {{{{- toYaml .Values | nindent 2 }}}}\n", 1),
    "in a script": (
        f"kind: ConfigMap\ndata:\n  run: |\n    cat <<E | kubectl apply -f -\n{indented(BLOCKS, 4)}    E\n    x: y: z",
        5,
    ),
}


@pytest.mark.parametrize("where", WHOLE)
def test_a_removed_api_is_found(where: str) -> None:
    content, line = WHOLE[where]
    assert told(read(content)) == [("policy/v1beta1 PodDisruptionBudget", "shop/web", line)]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("the version that stays", BUDGET.replace("v1beta1", "v1")),
        ("another kind of the same version", BUDGET.replace("PodDisruptionBudget", "Eviction")),
        ("a version whose name only begins so", BUDGET.replace("v1beta1", "v1beta12")),
        ("a comment", f"# {BUDGET.splitlines()[0]} PodDisruptionBudget\na: b\n"),
        ("a reference", "spec:\n  scaleTargetRef: {apiVersion: extensions/v1beta1, kind: Deployment, name: web}\n"),
        (
            "a reference in a template",
            "{{ x }}\nspec:\n  ref:\n    apiVersion: extensions/v1beta1\n    kind: Deployment\n    name: w\n",
        ),
        ("what was applied once", json.dumps({"metadata": {"annotations": {LAST_APPLIED: json.dumps(OBJECT)}}})),
        ("an empty list", "apiVersion: policy/v1beta1\nkind: PodDisruptionBudgetList\nitems: []\n"),
        ("nothing", ""),
    ],
)
def test_what_only_looks_like_a_use_is_none(what: str, text: str) -> None:
    reading = read(text)
    assert reading.uses == []
    assert reading.unread == []


def test_the_credential_plugin_of_a_kubeconfig_is_found() -> None:
    plugin = {"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "aws"}}
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "users": [{"name": "me", "user": plugin}]})
    assert [use.kind for use in read(text).uses] == ["ExecCredential"]


def test_a_template_that_chooses_is_found_with_its_choices() -> None:
    reading = read(
        '{{- if .Capabilities.APIVersions.Has "policy/v1" }}\napiVersion: policy/v1\n{{- else }}\n'
        "apiVersion: policy/v1beta1\n{{- end }}\nkind: PodDisruptionBudget\nmetadata:\n  name: {{ .Release.Name }}\n"
    )
    (use,) = reading.uses
    assert (use.group_version, use.alternatives, use.line, use.seen) == ("policy/v1beta1", ("policy/v1",), 4, "text")
    assert (reading.templates, reading.unread) == (1, [])


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (b"apiVersion: v1\nkind: [\n", 2, "broken YAML"),
        (b"a: b\n---\nc: d: e\n---\nf: g\n", 3, "broken YAML"),
        (b'{"apiVersion": "v1", "kind": "Pod"}\n{"apiVersion": "policy/v1beta1", PodDisruptionBudget\n', 2, "broken"),
        (b'apiVersion: {{ include "pdb.apiVersion" . }}\nkind: PodDisruptionBudget\n', 1, "computes"),
        (b'apiVersion: "{{ .Values.api }}"\nkind: PodDisruptionBudget\n', 1, "computes"),
        (b"apiVersion: ${API_VERSION}\nkind: PodDisruptionBudget\n", 1, "computes"),
        (b"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nx: " + b"[" * 100_000, 1, "nested"),
        (b'{"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "x": ' + b"[" * 100_000, 1, "nested"),
        ("# Gr\xfc\xdfe\napiVersion: v1\n".encode("latin-1"), 1, "not utf-8"),
        (b"\x7fELF\0\0", 1, "no text"),
    ],
)
def test_what_cannot_be_read_is_told(content: bytes, line: int, why: str) -> None:
    (unread,) = READER.read(content).unread
    assert why in unread.reason
    assert unread.line == line


def test_damage_is_no_matter_where_nobody_wants_it_told_and_nothing_of_the_table_is_named() -> None:
    trusting = DocumentReader(RULES, damage=False)
    assert trusting.read(b"apiVersion: v1\nkind: [\n") == Reading()
    broken = b"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nx: [\n---\nkind: [\n"
    reading = trusting.read(broken)
    assert [use.group_version for use in reading.uses] == ["policy/v1beta1"]
    assert [one.line for one in reading.unread] == [3]


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("Dear reader, this is no manifest.\n", 1),
        ("# Source: notes.yaml\nSome prose\n---\na: b\n---\nmore of it\n", 2),
        (f"Some prose\n---\n{BUDGET}", 1),
        ("'note: quoted'\n", 1),
        ("a: b\n", 0),
        ("---\n---\n# nothing\n", 0),
        ("- a\n", 0),
    ],
)
def test_documents_of_plain_text_are_counted(text: str, prose: int) -> None:
    assert (read(text).prose, read(text).unread) == (prose, [])
    assert PARSER.read(text.encode()).prose == prose


def test_templates_without_a_name_of_the_table_are_counted() -> None:
    reading = read("{{- if .Values.enabled }}\napiVersion: v1\nkind: Service\n{{- end }}\n")
    assert (reading.uses, reading.unread, reading.templates) == ([], [], 1)


def test_documents_beside_a_broken_one_are_read() -> None:
    reading = read(f"{BUDGET}---\na: [\n---\n{BUDGET}")
    assert [use.line for use in reading.uses] == [1, 7]
    assert len(reading.unread) == 1


def test_aliases_are_followed_once_however_many_there_are() -> None:
    lines = ["a0: &a0 {apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: x}}"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    assert len(read("\n".join(lines)).uses) == 1


def test_a_table_of_ones_own_is_looked_for_as_well() -> None:
    text = (
        "- {group_version: example.com/2024, removed_in: '1.30'}\n- {group_version: v1, kind: Pod, removed_in: '1.30'}"
    )
    reader = DocumentReader(RULES.with_own(own_rules(text, "own.yaml")))
    found = reader.read(b"apiVersion: example.com/2024\nkind: Widget\n---\napiVersion: v1\nkind: Pod\n")
    assert [use.rule.api for use in found.uses] == ["example.com/2024", "v1 Pod"]


# -- the prefilter loses nothing ------------------------------------------------------------------------------------

_APIS = [
    ("policy/v1beta1", "PodDisruptionBudget"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "Endpoints"),
    ("v1", "Pod"),
    ("extensions/v1beta1", "Ingress"),
    ("client.authentication.k8s.io/v1alpha1", "ExecCredential"),
    ("authentication.istio.io/v1alpha1", "Policy"),
    ("karpenter.sh/v1beta1", "NodePool"),
]
_names = st.text(alphabet="abc{}\"'\\/: #-\n\té\u2028&*?|>", max_size=12)
_noise = st.recursive(
    st.none() | st.booleans() | st.integers() | _names | st.sampled_from(["policy/v1beta1", "Endpoints", "beta"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_objects = st.builds(
    lambda api, name, more: {
        "apiVersion": api[0],
        "kind": api[1],
        "metadata": {"name": name},
        "spec": more,
    },
    st.sampled_from(_APIS),
    _names,
    _noise,
)
_namers = st.builds(
    lambda kind, groups, versions, resources, name: manifest_that_names(kind, name, groups, versions, resources),
    st.sampled_from(["ClusterRole", "Role", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]),
    st.lists(st.sampled_from(["", "*", "extensions", "policy", "networking.k8s.io", "apps"]), max_size=2),
    st.lists(st.sampled_from(["v1", "v1beta1", "*"]), max_size=2),
    st.lists(st.sampled_from(["*", "pods", "ingresses", "ingresses/status", "podsecuritypolicies"]), max_size=2),
    _names,
)
_lists = st.recursive(
    _objects | _namers,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: {"apiVersion": "v1", "kind": "List", "items": items})
        | inner.map(lambda one: {"kind": "ConfigMap", "data": {"manifest": yaml.safe_dump(one)}})
        | inner.map(lambda one: {"kind": "ConfigMap", "data": {"manifest": json.dumps(one)}})
    ),
    max_leaves=4,
)


def _escaped(text: str) -> str:
    return text.replace("beta", "\\u0062eta").replace("/", "\\/")


def _yaml(value: object, style: str | None, flow: bool) -> str:
    return yaml.safe_dump(value, default_style=style, default_flow_style=flow, allow_unicode=True, width=30)


_texts = st.one_of(
    st.builds(_yaml, _lists, st.sampled_from([None, '"', "'", "|", ">"]), st.booleans()),
    st.builds(json.dumps, _lists, indent=st.sampled_from([None, 1]), ensure_ascii=st.booleans()),
    st.builds(json.dumps, _lists).map(_escaped),
    st.sampled_from([text for text, _ in WHOLE.values() if isinstance(text, str)]),
    st.builds(lambda value: _yaml(value, None, False).replace("metadata", "{{ x }}"), _lists),
    st.builds(lambda value, cut: _yaml(value, None, False)[:cut], _lists, st.integers(0, 200)),
    st.sampled_from(["some prose", "- a\n", "# a: b\nprose\n", "'a: b'\n", "|\n  a: b\n", "a: b\n...\nprose\n", "~"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_texts, min_size=1, max_size=4), st.sampled_from(["\n---\n", "\r\n---\r\n", "\n", "\n--- # x\n"]))
def test_the_prefilter_finds_what_a_full_parse_finds(texts: list[str], between: str) -> None:
    content = between.join(texts).encode("utf-8", "replace")
    found, all_found = READER.read(content), PARSER.read(content)
    assert (found.uses, found.namings, found.prose) == (all_found.uses, all_found.namings, all_found.prose)


def test_the_prefilter_lets_through_every_rule_that_names_something_gone() -> None:
    pairs = {(row.group, row.version, row.resource) for row in RULES if row.kind}
    told = 0
    for group, version, resource in sorted(pairs):
        for kind in ("Role", "ValidatingWebhookConfiguration"):
            content = json.dumps(manifest_that_names(kind, "x", [group], [version], [resource])).encode()
            assert READER.read(content).namings == PARSER.read(content).namings
            versions = ("*",) if kind == "Role" else (version,)
            named = [ResourceRule((group,), (resource,), versions)]
            if any(gone(named, RULES, KubernetesVersion(1, minor)) for minor in range(16, 40)):
                told += 1
                assert READER.read(content).namings
    assert told > 50


@settings(max_examples=200, deadline=None)
@given(st.lists(_lists, min_size=1, max_size=4), st.sampled_from([None, '"', "'"]))
def test_cutting_a_stream_into_documents_finds_what_one_parser_finds(values: list[object], style: str | None) -> None:
    content = yaml.safe_dump_all(values, default_style=style, allow_unicode=True).encode()
    whole: list[Use] = [use for value in yaml.load_all(content, yaml.BaseLoader) for use in READER.uses_in(value)]

    def key(use: Use) -> tuple[str, str, str]:
        return use.group_version, use.kind, use.name

    assert [key(use) for use in READER.read(content).uses] == [key(use) for use in whole]


def test_what_is_packed_stays_packed() -> None:
    packed = base64.b64encode(gzip.compress(BUDGET.encode())).decode()
    assert read(f"kind: Secret\ndata:\n  release: {packed}\n").uses == []


def test_uses_come_in_the_order_of_the_document() -> None:
    names = ["c", "a", "b"]
    items = [{**OBJECT, "metadata": {"name": name}} for name in names]
    assert [use.name for use in read(json.dumps(in_list(*items))).uses] == names
    assert [use.line for use in read(yaml.safe_dump(in_list(*items), sort_keys=False)).uses] == [4, 8, 12]
