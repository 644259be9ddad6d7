#!/usr/bin/env python3
"""Checks `deploy/kubernetes` and `deploy/compose.yml` against schemas, against each other, and by the program itself.

    manifests.py PROGRAM

Kubernetes' own schemas, in which every unknown field is an error, come with `kubernetes-validate`, for the oldest and the newest
version that the manifests are for. Docker Compose reads its file (`docker compose config`, which needs no daemon). The operator's
resources are compared with `fixtures/kubernetes`. A misspelt field in each object of each file must be refused. Configurations of
the exporter are checked by PROGRAM, those of Prometheus by promtool, and those of nginx by nginx. Prints each fault on a line, then how much was
checked; exits with 1 after a fault. Needs the tests' virtual environment.
"""

import copy
import functools
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import fastjsonschema
import kubernetes_validate
import kubernetes_validate.utils
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = sorted((ROOT / "deploy/kubernetes").glob("*.yaml"))
COMPOSE = ROOT / "deploy/compose.yml"
# Sidecars are enabled by default as of the first.
VERSIONS = ("1.29", "1.37")
OPERATOR = "monitoring.coreos.com/v1"
# Objects whose keys are names, not fields.
TABLES = {"labels", "annotations", "matchLabels", "nodeSelector", "data", "requests", "limits", "environment"}
PROBES = {"/-/healthy", "/-/ready", "/nginx-is-up"}

faults = []


def main(program):
    kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
    resources = [(path.name, resource) for path in MANIFESTS for resource in yaml.safe_load_all(path.read_text())]
    monitor = fastjsonschema.compile(json.loads((ROOT / "fixtures/kubernetes/monitors.schema.json").read_text()))
    refused = 0
    for name, resource in resources:
        where = f"{name}: {resource['kind']} {resource['metadata']['name']}"
        fault = validate(resource, monitor, VERSIONS)
        expect(fault is None, f"{where}: {fault}")
        for path, broken in misspelt(resource):
            # A service selects by labels alone.
            if resource["kind"] != "Service" or path != ".spec.selector":
                fault = validate(broken, monitor, VERSIONS[-1:])
                expect(fault is not None, f"{where}: an unknown field in {path} is accepted")
                refused += 1
    agree([resource for _, resource in resources])
    refused += compose()
    configurations = configured(program, [resource for _, resource in resources])
    for fault in faults:
        print(fault)
    print(f"{len(resources)} resources, {refused} unknown fields refused, {configurations} configurations")
    return 1 if faults else 0


def expect(holds, otherwise):
    if not holds:
        faults.append(otherwise)


def validate(resource, monitor, versions):
    """Returns the fault of a resource, or None."""
    try:
        if resource["apiVersion"] == OPERATOR:
            monitor(resource)
        else:
            for version in versions:
                kubernetes_validate.validate(resource, version, strict=True)
    except (fastjsonschema.JsonSchemaException, kubernetes_validate.ValidationError) as fault:
        return fault.message
    return None


def objects(node, path=""):
    """Yields the objects of a document whose keys are fields, each with its path."""
    if isinstance(node, dict):
        yield path or "the resource", node
        for key, value in node.items():
            if key not in TABLES:
                yield from objects(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from objects(value, f"{path}[{index}]")


def misspelt(document):
    """Yields copies of a document with an unknown field in one object each."""
    for index, (path, _) in enumerate(objects(document)):
        broken = copy.deepcopy(document)
        list(objects(broken))[index][1]["unknownField"] = "x"
        yield path, broken


# --- Kubernetes ---------------------------------------------------------------------------------------


def agree(resources):
    """Compares the resources with each other and with the project."""
    kinds = {}
    for resource in resources:
        kinds.setdefault(resource["kind"], []).append(resource)
    version = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    names = {(it["metadata"]["namespace"], it["metadata"]["name"]) for it in kinds["ConfigMap"]}
    pods = []
    for owner in kinds["DaemonSet"] + kinds["Deployment"]:
        where = f"{owner['kind']} {owner['metadata']['name']}"
        template = owner["spec"]["template"]
        pods.append((owner["metadata"]["namespace"], template["metadata"]["labels"], template["spec"]))
        expect(selects(owner["spec"]["selector"]["matchLabels"], template["metadata"]["labels"]), f"{where}: selects other pods")
        hardened(template["spec"], where)
        mounted(template["spec"], where)
        for volume in template["spec"]["volumes"]:
            if "configMap" in volume:
                key = (owner["metadata"]["namespace"], volume["configMap"]["name"])
                expect(key in names, f"{where}: no ConfigMap {key}")
        images = [it["image"] for it in containers(template["spec"]) if it["name"] == "httplog-exporter"]
        expect(images == [f"registry.example.org/httplog-exporter:{version}"], f"{where}: {images}")
    for service in kinds["Service"]:
        named(service["metadata"]["namespace"], service["spec"]["selector"], {it["targetPort"] for it in service["spec"]["ports"]}, pods)
    for monitor in kinds["PodMonitor"]:
        ports = {it["port"] for it in monitor["spec"]["podMetricsEndpoints"]}
        named(monitor["metadata"]["namespace"], monitor["spec"]["selector"]["matchLabels"], ports, pods)
        rewritten(monitor["spec"]["podMetricsEndpoints"])
    for monitor in kinds["ServiceMonitor"]:
        wanted = monitor["spec"]["selector"]["matchLabels"]
        chosen = [it for it in kinds["Service"] if selects(wanted, it["metadata"]["labels"])]
        expect(len(chosen) == 1, f"the ServiceMonitor selects {len(chosen)} services")
        ports = {port["name"] for it in chosen for port in it["spec"]["ports"]}
        expect({it["port"] for it in monitor["spec"]["endpoints"]} <= ports, "the ServiceMonitor names another port")
        rewritten(monitor["spec"]["endpoints"])


def selects(wanted, labels):
    return wanted.items() <= labels.items()


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def named(namespace, selector, ports, pods):
    """Checks that a selector finds one template of pods, which names these ports."""
    found = [pod for place, labels, pod in pods if place == namespace and selects(selector, labels)]
    expect(len(found) == 1, f"{selector} selects {len(found)} templates")
    for pod in found:
        known = {port["name"] for it in containers(pod) for port in it.get("ports", [])}
        expect(ports <= known, f"{ports - known}: no such port in {selector}")


def rewritten(endpoints):
    """Checks that the rules find the job."""
    for endpoint in endpoints:
        job = {"targetLabel": "job", "replacement": "httplog"}
        expect(job in endpoint["relabelings"], "a monitor whose job the rules do not select")


def hardened(pod, where):
    """Checks what a container may do, and how it is probed."""
    shared = pod["securityContext"]
    expect(shared.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{where}: no seccomp profile")
    expect(pod["automountServiceAccountToken"] is False, f"{where}: has a token")
    for container in containers(pod):
        place, own = f"{where}: {container['name']}", container["securityContext"]
        expect(own["readOnlyRootFilesystem"] and own["allowPrivilegeEscalation"] is False, f"{place}: is not restricted")
        expect(own["capabilities"]["drop"] == ["ALL"], f"{place}: keeps capabilities")
        lasts = container in pod["containers"] or container.get("restartPolicy") == "Always"
        user = {**shared, **own}
        # One container that ends before the others start gives a directory to another user.
        expect(not lasts or (user["runAsNonRoot"] and user["runAsUser"] > 0 and "add" not in own["capabilities"]), f"{place}: is root")
        expect({"cpu", "memory"} <= container["resources"]["requests"].keys(), f"{place}: no requests")
        expect("memory" in container["resources"]["limits"], f"{place}: no limit of memory")
        probes = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe") if probe in container]
        ports = {port["name"] for port in container.get("ports", [])}
        expect(all(probe["path"] in PROBES and probe["port"] in ports for probe in probes), f"{place}: {probes}")
        if container["name"] == "httplog-exporter":
            expect(container["livenessProbe"]["httpGet"]["path"] == "/-/healthy", f"{place}: a missing log restarts it")


def mounted(pod, where):
    """Checks that mounts have volumes, and that the logs of the node cannot be changed."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    used = set()
    for container in containers(pod):
        for mount in container["volumeMounts"]:
            place = f"{where}: {container['name']}: {mount['name']}"
            expect(mount["name"] in volumes, f"{place} is not a volume")
            used.add(mount["name"])
            path = volumes.get(mount["name"], {}).get("hostPath", {}).get("path", "")
            if path.startswith("/var/log"):
                # Links lead to their targets only at the paths of the node.
                expect(mount.get("readOnly") and mount["mountPath"] == path, f"{place} is not read-only at its own path")
            if container["name"] == "httplog-exporter" and mount["name"] != "state":
                expect(mount.get("readOnly"), f"{place} can be written")
    expect(used == volumes.keys(), f"{where}: volumes without a mount: {volumes.keys() - used}")


# --- Compose ------------------------------------------------------------------------------------------


def compose():
    """Checks the file of Compose; returns how many unknown fields were refused."""
    document = yaml.safe_load(COMPOSE.read_text())
    fault = composed(COMPOSE)
    expect(fault is None, f"{COMPOSE.name}: {fault}")
    for name, service in document["services"].items():
        expect(service["read_only"] and service["cap_drop"] == ["ALL"], f"{name}: is not restricted")
        if service.get("restart") != "no" and not name.startswith("rotate-"):
            expect("healthcheck" in service, f"{name}: no health check")
        for port in service.get("ports", []):
            expect(port.startswith("127.0.0.1:"), f"{name}: {port} is open to other machines")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            expect(not source.startswith(".") or (COMPOSE.parent / source).exists(), f"{name}: no file {source}")
            if name == "exporter" and source != "exporter-state":
                expect(volume.endswith(":ro"), f"{name}: {source} can be written")
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "compose.yml"
        for path, broken in misspelt(document):
            # A service, or an object in one. What its `depends_on` has are names.
            if re.fullmatch(r"\.services(\.[\w-]+){1,2}", path) and not path.endswith(".depends_on"):
                file.write_text(yaml.safe_dump(broken))
                expect(composed(file) is not None, f"{COMPOSE.name}: an unknown field in {path} is accepted")
                refused += 1
    return refused


def composed(file):
    """Returns the fault that Docker Compose finds in a file, or None."""
    tool = pathlib.Path(sys.executable).parent / "docker-compose"
    ended = subprocess.run([tool, "--file", file, "config", "--quiet"], capture_output=True, text=True)
    return None if ended.returncode == 0 and not ended.stderr else ended.stderr or "refused"


# --- Configurations -----------------------------------------------------------------------------------


def configured(program, resources):
    """Has each configuration checked by the program that reads it; returns their number."""
    texts = {"compose": (ROOT / "deploy/compose/config.toml").read_text()}
    servers = {"compose": (ROOT / "deploy/compose/nginx.conf").read_text()}
    for resource in resources:
        data = resource.get("data", {})
        name = f"ConfigMap {resource['metadata']['name']}"
        if "config.toml" in data:
            texts[name] = data["config.toml"]
        if "nginx.conf" in data:
            servers[name] = data["nginx.conf"]
            ours = (ROOT / "deploy/gunicorn/gunicorn.conf.py").read_text()
            expect(ours.partition("access_log_format")[2] in data["gunicorn.conf.py"], f"{name}: gunicorn logs another format")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, text in texts.items():
            (folder / "config.toml").write_text(text)
            run(name, [program, "check", "--config", folder / "config.toml"])
        for name, text in servers.items():
            # The name of a container is not resolved here, and directories are those of the test.
            text = text.replace("gunicorn:8000", "127.0.0.1:8000")
            text = re.sub(r"(?:/var/log/site|/run/site|/tmp)/", f"{folder}/", text)
            (folder / "nginx.conf").write_text(f"pid {folder}/pid;\n{text}" if "pid " not in text else text)
            run(name, ["nginx", "-t", "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"])
            ours = re.search(r"log_format.*?;", (ROOT / "deploy/nginx/httplog.conf").read_text(), re.DOTALL)[0]
            expect(re.sub(r"\s+", " ", ours) in re.sub(r"\s+", " ", text), f"{name}: nginx logs another format")
    run("compose", ["promtool", "check", "config", ROOT / "deploy/compose/prometheus.yml"])
    return len(texts) + len(servers) + 1


def run(name, command):
    ended = subprocess.run(command, capture_output=True, text=True)
    expect(ended.returncode == 0, f"{name}: {ended.stdout}{ended.stderr}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
