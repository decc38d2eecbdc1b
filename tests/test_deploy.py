"""The files to deploy with: they are what their platforms read, and agree with the program."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from monitor.config import load

TOP = Path(__file__).parents[1]
DEPLOY = TOP / "docs" / "deploy"
UNIT = (DEPLOY / "monitor.service").read_text("utf-8")
COMPOSE = yaml.safe_load((TOP / "compose.yaml").read_text("utf-8"))
OBJECTS = {
    it["kind"]: it for it in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8"))
}


def test_systemd_reads_the_unit(tmp_path):
    """Every line of it is one that systemd knows, in the section where it belongs."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze not found on this machine: this part is not tested")
    program = tmp_path / "monitor"
    program.write_text(f"#!{sys.executable}\n", "utf-8")
    program.chmod(0o755)
    unit = tmp_path / "monitor.service"
    unit.write_text(UNIT.replace("/opt/monitor/bin/monitor", str(program)), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "monitor.service" in line]
    assert said == []

    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"Overall exposure level for monitor.service: ([\d.]+)", rated.stdout)
    assert level is not None, rated.stderr
    assert float(level[1]) < 2.5


def test_the_unit_stops_as_the_service_does():
    """It waits longer than a stop takes; it tries for ever, but not with a wrong configuration."""
    keys = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))
    assert int(keys["TimeoutStopSec"]) > 10
    assert keys["RestartPreventExitStatus"] == "2"
    assert keys["StartLimitIntervalSec"] == "0"  # a database that is away for an hour comes back
    assert "ExecStartPre" not in keys  # systemd tries again whatever that one ends with
    assert keys["ExecStart"].endswith("/monitor run")


def test_kubernetes_has_what_belongs_together():
    """What one object names is there in another, and the program reads the configuration."""
    pod = OBJECTS["Deployment"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    ports = {it["name"]: it["containerPort"] for it in container["ports"]}
    mounted = {it["name"] for it in container["volumeMounts"]}
    volumes = {it["name"]: it for it in pod["spec"]["volumes"]}
    assert mounted == set(volumes)
    assert (
        volumes["data"]["persistentVolumeClaim"]["claimName"]
        == (OBJECTS["PersistentVolumeClaim"]["metadata"]["name"])
    )
    assert volumes["config"]["configMap"]["name"] == OBJECTS["ConfigMap"]["metadata"]["name"]
    labels = pod["metadata"]["labels"]
    assert OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    assert OBJECTS["Service"]["spec"]["ports"][0]["targetPort"] in ports
    assert OBJECTS["Service"]["metadata"]["name"] != "monitor"
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])


def test_kubernetes_runs_the_configuration(tmp_path):
    """The ConfigMap holds a configuration that loads, and listens where the pod says."""
    text = OBJECTS["ConfigMap"]["data"]["config.yaml"]
    (tmp_path / "smtp_password").write_text("x", "utf-8")
    path = tmp_path / "config.yaml"
    path.write_text(text.replace("/run/secrets/monitor", str(tmp_path)), "utf-8")
    config = load(path, {})
    [container] = OBJECTS["Deployment"]["spec"]["template"]["spec"]["containers"]
    ports = {it["name"]: it["containerPort"] for it in container["ports"]}
    assert config.web.listen == f"0.0.0.0:{ports['web']}"
    assert config.metrics.listen == f"0.0.0.0:{ports['metrics']}"
    config.web.require_closed(config.web.listen, users=False)  # or the first start would fail
    mounts = {it["mountPath"] for it in container["volumeMounts"]}
    assert mounts >= {"/data", "/etc/monitor", "/run/secrets/monitor"}
    assert config.backup.folder.startswith("/data/")


def test_all_confine_alike():
    """No privileges, no capabilities, a root that is read-only, the same limits everywhere."""
    [service] = COMPOSE["services"].values()
    pod = OBJECTS["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"] == "512m"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"] == "512Mi"
    assert pod["securityContext"]["runAsUser"] == 10001
    assert "MemoryMax=512M" in UNIT
    assert OBJECTS["Deployment"]["spec"]["replicas"] == 1


def test_compose_publishes_pages_to_its_machine():
    """The port of the pages is open to the machine itself; whoever opens it further says so."""
    [published] = COMPOSE["services"]["monitor"]["ports"]
    assert re.fullmatch(r"127\.0\.0\.1:\$\{WEB_PORT:-(\d+)\}:\1", published)
