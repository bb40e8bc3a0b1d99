"""The sandbox can never touch a real account: whatever stands in the environment, nothing but loopback is dialled."""

from __future__ import annotations

import os
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from tests.patience import LONGEST
from tests.scenarios.watched import plant, seen

#: Addresses that lead nowhere (RFC 5737), where a hostile environment would send us.
NOWHERE: Final = "192.0.2.7"
DIALLING: Final = ("socket.connect", "socket.sendto", "socket.bind")
LOOKING_UP: Final = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
STARTING: Final = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system")


def hostile_home(folder: Path) -> Path:
    """A home directory full of settings that lead to somebody's real accounts."""
    home = folder / "home"
    run_me = f"touch {folder}/credential-process-was-run"
    default = f"region = us-west-2\nendpoint_url = https://{NOWHERE}\ncredential_process = {run_me}"
    profile = f"role_arn = arn:aws:iam::999999999999:role/admin\ncredential_process = {run_me}"
    cluster = f"{{name: real, cluster: {{server: 'https://{NOWHERE}'}}}}"
    customized = str(folder / "customized")
    files = {
        ".aws/config": f"[default]\n{default}\n[profile production]\n{profile}\n",
        ".aws/credentials": "[default]\naws_access_key_id = AKIAREAL\naws_secret_access_key = real\n",
        ".kube/config": f"clusters: [{cluster}]\ncurrent-context: real\n",
        ".netrc": "machine 127.0.0.1 login real password real\n",
        ".config/eks-upgrade-bot.yaml": "clusters: []\n",
        "site/sitecustomize.py": f"import sys\nopen({customized!r}, 'a').write(sys.argv[0] + chr(10))\n",
    }
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
        (home / name).chmod(0o600)
    return home


def hostile(folder: Path) -> dict[str, str]:
    home = hostile_home(folder)
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), f"http://{NOWHERE}:3128")
    services = ("EKS", "STS", "EC2", "IAM", "KMS", "SSM", "AUTO_SCALING")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(home / "site"),
        "AWS_PROFILE": "no-such-profile",
        "AWS_DEFAULT_PROFILE": "production",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_REGION": "us-west-2",
        "AWS_ENDPOINT_URL": f"https://{NOWHERE}",
        **{f"AWS_ENDPOINT_URL_{service}": f"https://{NOWHERE}" for service in services},
        "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/admin",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(home / ".netrc"),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{NOWHERE}/credentials",
        "AWS_EC2_METADATA_DISABLED": "false",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{NOWHERE}",
        "AWS_CA_BUNDLE": str(home / "no-such-bundle.pem"),
        "SSL_CERT_FILE": str(home / "no-such-bundle.pem"),
        "REQUESTS_CA_BUNDLE": str(home / "no-such-bundle.pem"),
        **proxies,
        **{name.lower(): value for name, value in proxies.items()},
        "NO_PROXY": "",
        "SLACK_BOT_TOKEN": "xoxb-real",
        "SLACK_APP_TOKEN": "xapp-real",
        "SLACK_SIGNING_SECRET": "real",
        "SLACK_API_URL": f"https://{NOWHERE}/api/",
        "KUBECONFIG": str(home / ".kube/config"),
        "KUBERNETES_SERVICE_HOST": NOWHERE,
        "KUBERNETES_SERVICE_PORT": "443",
        "EKS_UPGRADE_BOT_CONFIG": str(home / ".config/eks-upgrade-bot.yaml"),
        "EKS_UPGRADE_BOT_DATABASE": str(home / "real.db"),
        "EKS_UPGRADE_BOT_SLACK__API_URL": f"https://{NOWHERE}/api/",
    }


def test_a_whole_upgrade_dials_nothing_but_loopback_in_a_hostile_environment(tmp_path: Path) -> None:
    interpreter = plant(tmp_path)
    options = ["--scenario", "one-hop", "--speed", "1200", "--port", "0", "--autopilot"]
    command = [str(interpreter), "-m", "sandbox", *options]
    done = subprocess.run(command, env=hostile(tmp_path), capture_output=True, text=True, timeout=LONGEST, check=False)
    assert done.returncode == 0, done.stderr
    notes = seen(tmp_path)
    assert len([note for note in notes if note[:2] == ("sandbox", "socket.bind")]) >= 3  # AWS, Kubernetes, Slack
    assert len([note for note in notes if note[:2] == ("bot", "socket.connect")]) > 20
    assert [note for note in notes if note[1] in DIALLING and not is_loopback(note[2])] == []
    assert {what for _, event, what in notes if event in LOOKING_UP} <= {"127.0.0.1", "localhost", None}
    assert {what for _, event, what in notes if event in STARTING} == {str(interpreter)}
    opened = {str(what) for _, event, what in notes if event == "open"}
    assert [path for path in opened if path.startswith(str(tmp_path / "home"))] == []
    assert not (tmp_path / "credential-process-was-run").exists()
    assert len((tmp_path / "customized").read_text().splitlines()) == 1  # the sandbox's own start; the bot's had none
    assert {path.name for path in (tmp_path / "home").iterdir()} == {".aws", ".kube", ".netrc", ".config", "site"}


def is_loopback(address: Any) -> bool:
    """Whether an address, as Python's sockets have it, is on this machine; a path is a Unix socket."""
    return isinstance(address, str) or ip_address(address[0]).is_loopback


def test_the_watch_sees_who_dials_out_and_what_is_started(tmp_path: Path) -> None:
    """So that the test above can fail."""
    (tmp_path / "leak.py").write_text(
        "import socket, subprocess\n"
        f"socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(({NOWHERE!r}, 9))\n"
        "try: socket.getaddrinfo('real.invalid', 443)\nexcept OSError: pass\n"
        "subprocess.run(['true'])\nopen(__file__).close()\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    subprocess.run([str(plant(tmp_path)), "-m", "leak"], env=environment, timeout=LONGEST, check=True)
    notes = [(event, what) for _, event, what in seen(tmp_path)]
    assert ("socket.connect", [NOWHERE, 9]) in notes
    assert not is_loopback([NOWHERE, 9])
    assert ("socket.getaddrinfo", "real.invalid") in notes
    assert ("subprocess.Popen", "true") in notes
    assert ("open", str(tmp_path / "leak.py")) in notes
    assert sys.executable not in dict(notes).values()
