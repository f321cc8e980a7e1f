"""The Kubernetes manifests: their schemas, and that they fit each other and the application."""

import re

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from tests.deploy.files import (
    KUBERNETES,
    Document,
    container,
    documents,
    final_stage,
    image_settings,
    kustomization,
    manifests,
    map_settings,
    of_kind,
    pods,
)
from waitroom.cli.main import cli
from waitroom.config import PREFIX, Config
from waitroom.web.serve import GRACEFUL_S

OURS = ("waitroom-web", "waitroom-worker", "waitroom-clock")
#: A worker and a clock end within this, seconds; see `jobs/worker.py`.
JOBS_END_S = 10
REPORTS = "WAITROOM_REPORTS_DIR"
#: Settings that hold a secret, or a password in an address.
SECRETS = {"secret_keys", "edge_token", "redis_url", "rq_redis_url", "smtp_url"}
#: The oldest that knows all fields used here, and a recent one.
VERSIONS = ("1.30", "1.37")
PORT = int(image_settings()["WAITROOM_PORT"])


def name_of(document: Document) -> str:
    return f"{document['kind']}-{document['metadata']['name']}"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", manifests(), ids=name_of)
def test_the_schema_of_kubernetes_finds_nothing_wrong(document: Document, version: str) -> None:
    assert kubernetes_validate.validate(document, version, strict=True) == version


def test_the_settings_are_good_and_none_of_them_is_a_secret() -> None:
    found = {name.removeprefix(PREFIX).lower(): value for name, value in map_settings().items()}
    assert set(found) <= set(Config.model_fields)
    Config(_env_file=None, **found)  # type: ignore[arg-type]
    assert not SECRETS & set(found)


def test_the_secrets_come_without_values_and_are_not_applied_with_the_rest() -> None:
    found = of_kind("Secret")
    names = {name.removeprefix(PREFIX).lower() for name in found["waitroom"]["stringData"]}
    assert names == SECRETS <= set(Config.model_fields)
    assert all(not value for each in found.values() for value in each["stringData"].values())
    assert "secrets.example.yaml" not in kustomization()["resources"]


@pytest.mark.parametrize("name", pods())
def test_all_that_a_container_asks_for_is_there(name: str) -> None:
    secrets, (generated,) = of_kind("Secret"), kustomization()["configMapGenerator"]
    found = container(name)
    for source in found.get("envFrom", ()):
        if "configMapRef" in source:
            assert source["configMapRef"]["name"] == generated["name"]
        else:
            assert source["secretRef"]["name"] in secrets
    for variable in found.get("env", ()):
        if "valueFrom" in variable:
            key = variable["valueFrom"]["secretKeyRef"]
            assert key["key"] in secrets[key["name"]]["stringData"]


@pytest.mark.parametrize("name", OURS)
def test_each_runs_its_command_and_only_the_web_process_has_the_keys(name: str) -> None:
    found = container(name)
    assert found["args"] == [name.removeprefix("waitroom-")]
    assert found["args"][0] in cli.commands
    whole = any("secretRef" in source for source in found["envFrom"])
    assert whole is (name == "waitroom-web")
    alone = {each["name"].removeprefix(PREFIX).lower() for each in found.get("env", ())}
    mails = {"smtp_url"} if name == "waitroom-worker" else set()
    assert whole or alone == {"redis_url", "rq_redis_url"} | mails


def test_a_web_process_has_time_to_end_its_sockets() -> None:
    pod = pods()["waitroom-web"]
    before_s = container("waitroom-web")["lifecycle"]["preStop"]["sleep"]["seconds"]
    drain_s = int(map_settings()["WAITROOM_DRAIN_S"])
    # Time for the news that the pod is going, before it takes no newcomers any more.
    assert before_s >= 3
    assert pod["terminationGracePeriodSeconds"] >= before_s + drain_s + GRACEFUL_S + 5


@pytest.mark.parametrize("name", ["waitroom-worker", "waitroom-clock"])
def test_worker_and_clock_have_time_to_end(name: str) -> None:
    assert pods()[name]["terminationGracePeriodSeconds"] >= JOBS_END_S


def test_web_pods_come_before_others_go() -> None:
    found = of_kind("Deployment")["waitroom-web"]["spec"]["strategy"]["rollingUpdate"]
    assert found["maxUnavailable"] == 0 < found["maxSurge"]


def test_there_is_one_clock_and_never_two_on_purpose() -> None:
    found = of_kind("Deployment")["waitroom-clock"]["spec"]
    assert (found["replicas"], found["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("name", pods())
def test_a_pod_is_restricted_and_hears_of_no_service_by_its_environment(name: str) -> None:
    pod, found = pods()[name], container(name)
    assert pod["enableServiceLinks"] is False
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert found["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert found["resources"]["limits"]["memory"]
    assert "cpu" not in found["resources"]["limits"]


def test_the_number_a_pod_runs_as_is_the_image_s() -> None:
    for name in OURS:
        context = pods()[name]["securityContext"]
        assert final_stage()["USER"] == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_images_have_a_fixed_version() -> None:
    (ours,) = kustomization()["images"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", ours["newTag"])
    for name in pods():
        image = container(name)["image"]
        assert image == ours["name"] or re.search(r":\d", image)


@pytest.mark.parametrize("name", [*of_kind("Deployment"), *of_kind("StatefulSet")])
def test_selectors_find_the_pods_and_nothing_else(name: str) -> None:
    made = of_kind("Deployment") | of_kind("StatefulSet")
    labels = made[name]["spec"]["template"]["metadata"]["labels"]
    assert made[name]["spec"]["selector"]["matchLabels"] == labels
    others = [each["spec"]["template"]["metadata"]["labels"] for each in made.values()]
    assert others.count(labels) == 1


@pytest.mark.parametrize(("name", "port"), [("waitroom-web", PORT), ("valkey", 6379)])
def test_a_port_is_the_same_in_pod_service_and_network(name: str, port: int) -> None:
    (in_pod,) = container(name)["ports"]
    service = of_kind("Service")[name]["spec"]
    (in_service,) = service["ports"]
    assert in_pod["containerPort"] == in_service["port"] == port
    assert in_service["targetPort"] == in_pod["name"]
    made = of_kind("Deployment") | of_kind("StatefulSet")
    assert service["selector"] == made[name]["spec"]["template"]["metadata"]["labels"]
    policy = of_kind("NetworkPolicy")[f"to-{name.removeprefix('waitroom-')}"]["spec"]
    assert policy["podSelector"]["matchLabels"] == service["selector"]
    assert [each["port"] for rule in policy["ingress"] for each in rule["ports"]] == [port]


def test_metrics_are_read_where_they_are() -> None:
    template = of_kind("Deployment")["waitroom-web"]["spec"]["template"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == str(PORT)


def test_nobody_talks_to_anybody_unless_it_is_said() -> None:
    nobody = of_kind("NetworkPolicy")["nobody"]["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = of_kind("NetworkPolicy")["from-waitroom"]["spec"]["podSelector"]["matchExpressions"]
    assert sorted(rule["values"]) == sorted(name.removeprefix("waitroom-") for name in OURS)


def test_who_mails_and_calls_webhooks_can_reach_them() -> None:
    policy = of_kind("NetworkPolicy")["to-outside"]["spec"]
    (rule,) = policy["podSelector"]["matchExpressions"]
    assert sorted(rule["values"]) == ["web", "worker"] and policy["policyTypes"] == ["Egress"]
    (way,) = policy["egress"]
    assert {each["port"] for each in way["ports"]} == {443, 465, 587}
    assert all(each["ipBlock"]["except"] for each in way["to"])


def test_who_makes_and_who_shows_a_report_share_its_folder() -> None:
    claims = of_kind("PersistentVolumeClaim")
    for name in ("waitroom-web", "waitroom-worker"):
        pod = pods()[name]
        (volume,) = pod["volumes"]
        claim = claims[volume["persistentVolumeClaim"]["claimName"]]["spec"]
        assert claim["accessModes"] == ["ReadWriteMany"]
        (mount,) = container(name)["volumeMounts"]
        assert mount == {"name": volume["name"], "mountPath": image_settings()[REPORTS]}
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_the_way_in_leads_to_the_service_with_public_paths_only_and_no_stickiness() -> None:
    ingress = of_kind("Ingress")["waitroom"]
    (rule,) = ingress["spec"]["rules"]
    assert [path["path"] for path in rule["http"]["paths"]] == ["/__waitroom", "/api/edge"]
    (port,) = of_kind("Service")["waitroom-web"]["spec"]["ports"]
    for path in rule["http"]["paths"]:
        service = path["backend"]["service"]
        assert service == {"name": "waitroom-web", "port": {"name": port["name"]}}
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    assert not re.search("affinity|sticky|cookie", str(ingress["metadata"]["annotations"]))


def test_the_store_keeps_its_data_and_asks_for_a_password() -> None:
    found = container("valkey")
    options = dict(zip(found["args"][::2], found["args"][1::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--requirepass"] == "$(VALKEY_PASSWORD)"
    (claim,) = of_kind("StatefulSet")["valkey"]["spec"]["volumeClaimTemplates"]
    (mount,) = found["volumeMounts"]
    assert mount == {"name": claim["metadata"]["name"], "mountPath": options["--dir"]}


def test_the_autoscaler_and_the_budget_mean_the_web_pods() -> None:
    scaler = of_kind("HorizontalPodAutoscaler")["waitroom-web"]["spec"]
    assert scaler["scaleTargetRef"]["name"] in of_kind("Deployment")
    assert "replicas" not in of_kind("Deployment")["waitroom-web"]["spec"]
    assert scaler["minReplicas"] >= 2
    budget = of_kind("PodDisruptionBudget")["waitroom-web"]["spec"]
    labels = of_kind("Deployment")["waitroom-web"]["spec"]["selector"]
    assert budget["selector"] == labels


def test_every_file_is_part_of_the_kustomization_or_the_example() -> None:
    listed = {*kustomization()["resources"], "secrets.example.yaml", "kustomization.yaml"}
    assert listed == {path.name for path in KUBERNETES.glob("*.yaml")}
    assert (KUBERNETES / "settings.env").name in kustomization()["configMapGenerator"][0]["envs"]
    assert all(documents(name) for name in kustomization()["resources"])
